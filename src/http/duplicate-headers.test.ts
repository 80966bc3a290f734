import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDuplicateHeaders } from './duplicate-headers.ts';

const COMMON = [
  'Host',
  'x',
  'Accept',
  'application/json',
  'Accept',
  'text/event-stream',
  'Cookie',
  'a=1',
  'Cookie',
  'b=2',
];

const REFUSED: readonly [first: string, second: string, code: string][] = [
  ['Host', 'Host', 'bad_request'],
  ['host', 'HOST', 'bad_request'],
  ['Authorization', 'authorization', 'credential_ambiguous'],
  ['X-Api-Key', 'x-api-key', 'credential_ambiguous'],
  ['X-Toolgate-Key', 'X-TOOLGATE-KEY', 'credential_ambiguous'],
  ['Content-Length', 'content-length', 'bad_request'],
  ['Content-Type', 'Content-Type', 'bad_request'],
  ['Content-Encoding', 'Content-Encoding', 'bad_request'],
  ['Transfer-Encoding', 'transfer-encoding', 'bad_request'],
  ['Origin', 'origin', 'bad_request'],
  ['Last-Event-ID', 'last-event-id', 'bad_request'],
  ['Mcp-Session-Id', 'mcp-session-id', 'bad_request'],
  ['MCP-Protocol-Version', 'Mcp-Protocol-Version', 'bad_request'],
  ['Mcp-Method', 'MCP-METHOD', 'bad_request'],
  ['Mcp-Name', 'mcp-name', 'bad_request'],
  ['Mcp-Param-Region', 'mcp-param-region', 'bad_request'],
  ['Mcp-Anything-New', 'mcp-anything-new', 'bad_request'],
];
for (const [first, second, code] of REFUSED) {
  test(`${first} and ${second} together are refused`, () => {
    const more = COMMON.slice(2);
    assert.equal(checkDuplicateHeaders([first, 'a', ...more, second, 'a'])?.code, code, 'with equal values');
    assert.equal(checkDuplicateHeaders([...more, first, 'a', second, 'b'])?.code, code, 'with different values');
    assert.equal(checkDuplicateHeaders([...more, first, 'a']), null, 'once is fine');
  });
}

test('headers that may be repeated, and neighbours in name and length, are let through', () => {
  assert.equal(checkDuplicateHeaders(COMMON), null);
  assert.equal(
    checkDuplicateHeaders(['Mcp-Param-A', '1', 'Mcp-Param-B', '1', 'Mcp-Method', 'x', 'Mcp-Name', 'x']),
    null,
  );
  assert.equal(checkDuplicateHeaders(['Via', '1', 'Via', '2', 'Date', '1', 'Date', '2', 'Mcp', '1', 'Mcp', '2']), null);
  assert.equal(checkDuplicateHeaders(['Authorization_', 'a', 'Authorizatioo', 'b', 'Authorization', 'c']), null);
});

test('the error names the header and not its value', () => {
  const error = checkDuplicateHeaders(['Authorization', 'Bearer canary', 'Authorization', 'Bearer canary']);
  assert.match(error?.message ?? '', /authorization/);
  assert.doesNotMatch(error?.message ?? '', /canary/);
});

test('thousands of headers are checked in linear time', () => {
  const many = Array.from({ length: 50_000 }, (_, i) => [`Mcp-Param-${i}`, 'x']).flat();
  assert.equal(checkDuplicateHeaders(many), null);
});
