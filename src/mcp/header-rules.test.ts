import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkMirroredHeaders, decodeHeaderValue, encodeHeaderValue } from './header-rules.ts';
import type { JsonRpcMessage } from './message.ts';

const call = (name: string, method = 'tools/call'): JsonRpcMessage => ({
  jsonrpc: '2.0',
  id: 1,
  method,
  params: { name },
});
const check = (headers: Record<string, string>, message: JsonRpcMessage) => () =>
  checkMirroredHeaders(headers, message);

test('headers that repeat the body pass', () => {
  check({ 'mcp-method': 'tools/call', 'mcp-name': 'read' }, call('read'))();
  check({ 'mcp-method': 'tools/call', 'mcp-name': '=?base64?5LiW?=' }, call('世'))();
  check({ 'mcp-method': 'tools/list' }, { jsonrpc: '2.0', id: 1, method: 'tools/list' })();
});

const refused: [string, Record<string, string>, JsonRpcMessage][] = [
  ['a name that differs from the body', { 'mcp-method': 'tools/call', 'mcp-name': 'read' }, call('delete')],
  ['a missing name', { 'mcp-method': 'tools/call' }, call('read')],
  ['a missing method', { 'mcp-name': 'read' }, call('read')],
  ['a method that differs by case', { 'mcp-method': 'TOOLS/CALL', 'mcp-name': 'read' }, call('read')],
  ['broken padding', { 'mcp-method': 'tools/call', 'mcp-name': '=?base64?cmVhZA=?=' }, call('read')],
  ['characters outside Base64', { 'mcp-method': 'tools/call', 'mcp-name': '=?base64?cm!hZA==?=' }, call('read')],
];
for (const [what, headers, message] of refused) {
  test(`${what} is refused as a header mismatch`, () =>
    assert.throws(check(headers, message), { code: 'header_mismatch' }));
}

test('only a prefix or only a suffix of the sentinel is a literal value', () => {
  assert.equal(decodeHeaderValue('=?base64?abc'), '=?base64?abc');
  assert.equal(decodeHeaderValue('abc?='), 'abc?=');
});

test('property: every value survives encoding, and is encoded as visible ASCII', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      const encoded = encodeHeaderValue(value);
      assert.match(encoded, /^[\x20-\x7e\t]*$/);
      assert.equal(decodeHeaderValue(encoded), value);
    }),
  );
});
