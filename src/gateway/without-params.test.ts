import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanMessage } from '../mcp/scan-message.ts';
import { withoutParams } from './without-params.ts';

const NAMES = ['requestState', 'inputResponses'];

for (const [params, left] of [
  ['{"requestState":"a","inputResponses":{"x":1}}', '{}'],
  ['{ "requestState" : "a" , "inputResponses" : {"x":[1,"}"]} }', '{   }'],
  ['{"name":"t","requestState":"a","arguments":{"n":1e400,"requestState":"mine"}}', null],
  ['{"inputResponses":{"connect":{"action":"accept"}},"name":"t","requestState":"\\"requestState\\""}', '{"name":"t"}'],
  ['{"name":"requestState","arguments":{"inputResponses":1},"requestState":"a" }', null],
  ['{"name":"t"}', '{"name":"t"}'],
] as const) {
  test(`takes the two members out and nothing else: ${params}`, () => {
    const body = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"m","params":${params}}`);
    const read = scanMessage(body, { depth: 16 });
    const { body: shorter, spans } = withoutParams({ body, spans: read.spans }, NAMES);
    const { requestState: _, inputResponses: __, ...rest } = JSON.parse(params);
    assert.deepEqual(JSON.parse(shorter.toString()).params, rest);
    if (left !== null) assert.equal(shorter.toString('utf8', ...spans.params!), left);
    assert.deepEqual(spans, scanMessage(shorter, { depth: 16 }).spans);
    assert.equal(spans.requestState, undefined);
  });
}

test('keeps numbers that a double would change', () => {
  const body = Buffer.from(
    '{"jsonrpc":"2.0","id":1,"method":"m","params":{"requestState":"a","arguments":{"n":12345678901234567890.50}}}',
  );
  const { body: shorter } = withoutParams({ body, spans: scanMessage(body, { depth: 16 }).spans }, NAMES);
  assert.match(shorter.toString(), /"params":\{"arguments":\{"n":12345678901234567890\.50\}\}/);
});
