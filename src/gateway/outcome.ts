import { createHash, type Hash, hash } from 'node:crypto';
import { isObject } from '../mcp/message.ts';
import type { JsonObject } from '../model/json.ts';

/** How a call ended, as the audit log records it. */
export interface Outcome {
  readonly outcome: 'ok' | 'tool_error' | 'error' | 'failed' | 'cancelled';
  readonly errorCode?: string;
  readonly bytes: number;
  /** Hex SHA-256 of the body as the client got it; absent when there was none. */
  readonly hash?: string;
  /** The response message, kept only where the upstream's audit rule asks for its content and it is not over the limit. */
  readonly response?: JsonObject;
}

/** A response beyond this is recorded by size and hash alone. */
const MAX_KEPT_BYTES = 64 * 1024;

export interface OutcomeMeter {
  /** Bytes that went to the client. */
  add(chunk: Buffer): void;
  /** What was added has not gone out after all. */
  forget(): void;
  /** A complete JSON-RPC message of the upstream. False for one that is visibly none. */
  message(json: Buffer): boolean;
  /** True once the response, not only a notification, has been seen. */
  answered(): boolean;
  finish(failure?: { outcome: 'failed' | 'cancelled'; errorCode: string }): Outcome;
}

/** Follows one answer on its way to the client. The common case, a body in one chunk, is hashed in one call. */
export function createOutcomeMeter(keepContent: boolean): OutcomeMeter {
  let bytes = 0;
  let only: Buffer | undefined;
  let digest: Hash | undefined;
  let seen: Pick<Outcome, 'outcome' | 'errorCode'> | undefined;
  let response: JsonObject | undefined;
  return {
    add(chunk) {
      bytes += chunk.length;
      if (digest !== undefined) digest.update(chunk);
      else if (only === undefined) only = chunk;
      else digest = createHash('sha256').update(only).update(chunk);
    },
    forget() {
      bytes = 0;
      only = undefined;
      digest = undefined;
    },
    message(json) {
      const found = classify(json);
      if (found === null) return true;
      if (found === 'invalid') return false;
      seen = found;
      if (keepContent && json.length <= MAX_KEPT_BYTES) response = JSON.parse(json.toString());
      return true;
    },
    answered() {
      return seen !== undefined;
    },
    finish(failure) {
      const sha256 = digest?.digest('hex') ?? (only && hash('sha256', only, 'hex'));
      return {
        ...(seen ?? failure ?? { outcome: 'failed', errorCode: 'no_response' }),
        bytes,
        ...(sha256 !== undefined && { hash: sha256 }),
        ...(response !== undefined && { response }),
      };
    },
  };
}

/**
 * What a JSON-RPC message says about its request; null when it is no response. A member name inside a JSON string has
 * its quotes escaped, so a message without the bytes `"error"` and `"isError"` can be neither and is not parsed: of such a
 * one only its two ends are known to be right.
 */
function classify(json: Buffer): Pick<Outcome, 'outcome' | 'errorCode'> | 'invalid' | null {
  if (!isFramed(json)) return 'invalid';
  // Both end alike, so they are looked for in one pass.
  if (!json.includes('rror"')) {
    if (json.includes('"result"')) return { outcome: 'ok' };
    if (json.includes('"method"')) return null;
  }
  let message: unknown;
  try {
    message = JSON.parse(json.toString());
  } catch {
    return 'invalid';
  }
  if (!isObject(message) || 'method' in message) return null;
  if (isObject(message.error)) return { outcome: 'error', errorCode: String(message.error.code) };
  if (message.result === undefined) return 'invalid';
  return { outcome: isObject(message.result) && message.result.isError === true ? 'tool_error' : 'ok' };
}

/** Begins and ends as a JSON object, or as a batch of them (2025-03-26): what was cut off, and what is no JSON, does not. */
function isFramed(json: Buffer): boolean {
  let start = 0;
  let end = json.length - 1;
  while (isBlank(json[start])) start++;
  while (isBlank(json[end])) end--;
  return (json[start] === 0x7b && json[end] === 0x7d) || (json[start] === 0x5b && json[end] === 0x5d);
}

/** RFC 8259 §2. */
const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
