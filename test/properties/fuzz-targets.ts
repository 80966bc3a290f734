import assert from 'node:assert/strict';
import fc from 'fast-check';
import { AppError } from '../../src/errors/app-error.ts';
import { createClientAddress } from '../../src/http/client-address.ts';
import { checkDuplicateHeaders } from '../../src/http/duplicate-headers.ts';
import { createHostCheck, createOriginCheck } from '../../src/http/host-origin.ts';
import { presentedCredential } from '../../src/http/presented-credential.ts';
import { compileCidrs } from '../../src/lib/cidr.ts';
import { checkMirroredHeaders, decodeHeaderValue, encodeHeaderValue } from '../../src/mcp/header-rules.ts';
import type { JsonRpcMessage } from '../../src/mcp/message.ts';
import { scanMessage } from '../../src/mcp/scan-message.ts';
import { createSseReader } from '../../src/mcp/sse.ts';

/** Something that strangers feed. Every input is taken or refused with an AppError; nothing else is ever thrown. */
export interface FuzzTarget {
  readonly name: string;
  property(): fc.IProperty<unknown>;
}

/** Runs something that may refuse; what it gave, or undefined. */
function taken<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.ok(error instanceof AppError, `not refused but broken: ${(error as Error).stack}`);
    return undefined;
  }
}

const VALID = [
  '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":[1,{"b":null}],"t":"\\u00e9\\n"}}}',
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"x","_meta":{"progressToken":7}}}',
  '{"jsonrpc":"2.0","id":"é","result":{"content":[],"_meta":{}}}',
  '{"jsonrpc":"2.0","id":-3,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"p"},"argument":{}}}',
].map((text) => Buffer.from(text));

const PIECES =
  '{ } [ ] " : , \\ \\u0000 \\ud800 "id" "method" "params" "name" "Method" "__proto__" 1e400 -0 null true \n é \u2028 😀 \0';
const pieces = fc
  .array(fc.constantFrom(...PIECES.split(' ')), { maxLength: 60 })
  .map((all) => Buffer.from(all.join('')));

/** A valid message in which some bytes were replaced, taken out, doubled or put in. */
const damaged = fc
  .tuple(
    fc.constantFrom(...VALID),
    fc.array(fc.tuple(fc.nat(), fc.nat(20), fc.uint8Array({ maxLength: 8 })), { maxLength: 4 }),
  )
  .map(([valid, edits]) =>
    edits.reduce((bytes, [at, length, replacement]) => {
      const from = at % (bytes.length + 1);
      return Buffer.concat([bytes.subarray(0, from), replacement, bytes.subarray(from + length)]);
    }, valid),
  );
const bytes = fc.oneof(
  damaged,
  pieces,
  fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all)),
  fc.json().map((text) => Buffer.from(text)),
);

function readMessage(body: Buffer): void {
  let reserved = 0;
  const scanned = taken(() => scanMessage(body, { depth: 16, reserve: (more) => (reserved += more) }));
  if (scanned === undefined) return;
  assert.ok(reserved >= body.length);
  const parsed = JSON.parse(body.toString());
  assert.deepEqual(scanned.message, parsed, 'it is the message that every parser reads');
  const places: Record<string, unknown> = {
    id: parsed.id,
    method: parsed.method,
    params: parsed.params,
    result: parsed.result,
    name: parsed.params?.name,
    uri: parsed.params?.uri,
    arguments: parsed.params?.arguments,
    ref: parsed.params?.ref,
    refName: parsed.params?.ref?.name,
    requestId: parsed.params?.requestId,
  };
  for (const [name, span] of Object.entries(scanned.spans)) {
    if (!Object.hasOwn(places, name)) continue;
    assert.deepEqual(JSON.parse(body.toString('utf8', ...span)), places[name], `the place of ${name}`);
  }
}

const stream = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((all) => Buffer.from(all)),
  fc
    .array(fc.constantFrom(...'data: data:x id: event:e retry:5 : \r \n \r\n \n\n \0 é {"a":1} \ufeff'.split(' ')), {
      maxLength: 80,
    })
    .map((all) => Buffer.from(all.join(''))),
);
const MAX_EVENT = 100;

function readStream([whole, cuts]: readonly [Buffer, readonly number[]]): void {
  const at = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length];
  const parts = at.slice(1).map((end, index) => whole.subarray(at[index]!, end));
  const read = (given: readonly Buffer[]) => {
    const reader = createSseReader({ maxEventBytes: whole.length });
    return given
      .flatMap((part) => reader.push(part))
      .map(({ id, event, data }) => [id, event, data?.toString('latin1')]);
  };
  assert.deepEqual(read(parts), read([whole]), 'it does not matter where the stream is cut');
  const reader = createSseReader({ maxEventBytes: MAX_EVENT });
  taken(() => {
    for (const part of parts) {
      reader.push(part);
      assert.ok(reader.pendingBytes() <= MAX_EVENT, 'nothing is kept beyond the limit');
    }
  });
}

const NAMES =
  'authorization Authorization x-api-key host Host origin mcp-name Mcp-Name mcp-method content-length x-forwarded-for forwarded cookie x-toolgate-key mcp-param-a'.split(
    ' ',
  );
const VALUES = [
  'Bearer tgp_x',
  'Bearer ',
  'evil.example',
  '127.0.0.1:80',
  'null',
  'http://127.0.0.1',
  '=?base64?ZWNobw==?=',
  '=?base64?',
  'echo',
  '1, 2',
  '::ffff:10.0.0.1',
  '',
];
const headers = fc.array(
  fc.tuple(
    fc.constantFrom(...NAMES),
    fc.oneof(fc.constantFrom(...VALUES), fc.string({ unit: 'binary-ascii' }), fc.string({ unit: 'binary' })),
  ),
  { maxLength: 8 },
);
const options = {
  publicUrl: 'https://mcp.example.com',
  allowedHosts: ['mcp.internal'],
  allowedOrigins: ['https://app.example.com'],
  listenPort: 8420,
  trustedProxies: ['127.0.0.0/8'],
};
const hostCheck = createHostCheck(options as never);
const originCheck = createOriginCheck(options as never);
const addressOf = createClientAddress(options as never);
const isAddress = compileCidrs(['0.0.0.0/0', '::/0']);

function readHeaders(given: readonly (readonly [string, string])[]): void {
  const rawHeaders = given.flat();
  const request = {
    rawHeaders,
    headers: Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), value])),
    socket: { remoteAddress: '127.0.0.1' },
    method: 'POST',
    url: '/mcp',
  } as never;
  const names = given.map(([name]) => name.toLowerCase());
  if (new Set(names).size === names.length) assert.equal(checkDuplicateHeaders(rawHeaders), null);
  for (const check of [hostCheck, originCheck]) {
    const refused = taken(() => check(request));
    assert.ok(refused === null || refused instanceof AppError);
  }
  const credential = taken(() => presentedCredential((request as { headers: object }).headers as never));
  assert.ok(credential === undefined || typeof credential === 'string');
  assert.ok(isAddress(String(taken(() => addressOf(request)))), 'an address, whatever was said');
}

function mirror([name, value, method]: readonly [string, string, string]): void {
  const message = { jsonrpc: '2.0', id: 1, method, params: { name } } as unknown as JsonRpcMessage;
  if (name.isWellFormed()) assert.equal(decodeHeaderValue(encodeHeaderValue(name)), name);
  assert.match(encodeHeaderValue(name), /^[\t\x20-\x7e]*$/, 'nothing that ends a header line');
  const agreed = taken(() => {
    checkMirroredHeaders({ 'mcp-method': method, 'mcp-name': value }, message);
    return true;
  });
  if (agreed && ['tools/call', 'prompts/get'].includes(method)) assert.equal(decodeHeaderValue(value), name);
}

const method = fc.constantFrom('tools/call', 'prompts/get', 'tools/list', '__proto__', '');
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.constantFrom(...VALUES));

export const FUZZ_TARGETS: readonly FuzzTarget[] = [
  { name: 'the message reader', property: () => fc.property(bytes, readMessage) },
  {
    name: 'the SSE reader',
    property: () => fc.property(fc.tuple(stream, fc.array(fc.nat(400), { maxLength: 6 })), readStream),
  },
  { name: 'the rules for headers', property: () => fc.property(headers, readHeaders) },
  { name: 'headers that repeat the message', property: () => fc.property(fc.tuple(text, text, method), mirror) },
];
