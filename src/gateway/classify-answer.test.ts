import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { classifyAnswer } from './classify-answer.ts';

const whole = (text: string) => classifyAnswer([Buffer.from(text)]);

/** Cut anywhere, also in the middle of a name and into parts of one byte. */
function cut(text: string, places: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1))), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

const ANSWERS = [
  ['{"jsonrpc":"2.0","id":1,"result":{"content":[]}}', { outcome: 'ok' }],
  ['{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}', { outcome: 'tool_error' }],
  ['{"jsonrpc":"2.0","id":1,"result":{"note":"\\"error\\"","isError":false}}', { outcome: 'ok' }],
  [' {"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}\n', { outcome: 'error', errorCode: '-32601' }],
  ['{"jsonrpc":"2.0","method":"notifications/progress","params":{}}', null],
  ['{"jsonrpc":"2.0","id":1,"result":{"cut', 'invalid'],
  ['not json', 'invalid'],
  ['{"jsonrpc":"2.0"}', 'invalid'],
  ['  \n', 'invalid'],
] as const;

for (const [text, expected] of ANSWERS) {
  test(`an answer is understood the same whole and in any parts: ${JSON.stringify(text).slice(0, 60)}`, () => {
    assert.deepEqual(whole(text), expected);
    assert.deepEqual(classifyAnswer([...Buffer.from(text)].map((byte) => Buffer.of(byte))), expected, 'byte by byte');
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 12 }), (places) => {
        assert.deepEqual(classifyAnswer(cut(text, places)), expected);
      }),
    );
  });
}

test('an answer that came a byte at a time is understood, too', () => {
  const text = `{"jsonrpc":"2.0","id":1,"result":{"text":"${'x'.repeat(1_000_000)}"}}`;
  assert.deepEqual(classifyAnswer([...Buffer.from(text)].map((byte) => Buffer.of(byte))), { outcome: 'ok' });
});

test('an empty answer is no message', () => {
  assert.equal(classifyAnswer([]), 'invalid');
  assert.equal(classifyAnswer([Buffer.alloc(0)]), 'invalid');
});
