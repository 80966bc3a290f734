import type { IncomingHttpHeaders } from 'node:http';
import { AppError } from '../errors/app-error.ts';
import type { JsonObject } from '../model/json.ts';
import type { JsonRpcMessage } from './message.ts';

/** Methods whose subject is repeated in `Mcp-Name`, and the parameter it comes from (2026-07-28, "Standard Request Headers"). */
const NAMED: Readonly<Record<string, 'name' | 'uri'>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

/** The value of `Mcp-Name` for a message, or undefined when its method has none. */
export function subjectOf(method: string, params: JsonObject | undefined): string | undefined {
  const member = Object.hasOwn(NAMED, method) ? NAMED[method] : undefined;
  const value = member === undefined ? undefined : params?.[member];
  return typeof value === 'string' ? value : undefined;
}

/**
 * Holds the mirrored headers of a modern request against its body, which alone is decided on. `Mcp-Param-*` is left to
 * the upstream, which knows its schemas; the gateway forwards it. Throws AppError `header_mismatch`.
 */
export function checkMirroredHeaders(headers: IncomingHttpHeaders, message: JsonRpcMessage): void {
  if (!('method' in message)) return;
  const method = headers['mcp-method'];
  if (method !== message.method) throw mismatch('Mcp-Method', method, message.method);
  const subject = subjectOf(message.method, message.params);
  if (subject === undefined) return;
  const name = headers['mcp-name'];
  const decoded = typeof name === 'string' ? decodeHeaderValue(name) : undefined;
  if (decoded !== subject) throw mismatch('Mcp-Name', decoded, subject);
}

function mismatch(header: string, value: unknown, body: string): AppError {
  const said =
    typeof value === 'string'
      ? `header value ${JSON.stringify(value.slice(0, 128))}`
      : 'header is missing or malformed';
  return new AppError(
    'header_mismatch',
    `Header mismatch: ${header} ${said}, the body says ${JSON.stringify(body.slice(0, 128))}.`,
  );
}

const SENTINEL = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/;

/** Undoes the Base64 sentinel of "Value Encoding"; undefined when the encoding is broken. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!value.startsWith('=?base64?') || !value.endsWith('?=')) return value;
  const encoded = SENTINEL.exec(value)?.[1];
  if (encoded === undefined || encoded.length % 4 !== 0) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  const text = bytes.toString('utf8');
  return bytes.toString('base64') === encoded && Buffer.byteLength(text) === bytes.length ? text : undefined;
}

/** A value as it may stand in `Mcp-Name` or `Mcp-Param-*`: itself when it is plain ASCII, else the Base64 sentinel. */
export function encodeHeaderValue(value: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/.test(value);
  const looksEncoded = value.startsWith('=?base64?') && value.endsWith('?=');
  return plain && !looksEncoded ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`;
}
