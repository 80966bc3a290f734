import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseExactJson } from './exact-json.ts';

test('every number is printed as it was written', () => {
  for (const number of [
    '12345678901234567890',
    '-9007199254740993',
    '1e400',
    '-1E-400',
    '1.0',
    '1.10',
    '100e-2',
    '-0',
    '0.1000000000000000055511151231257827',
    '7',
    '-42',
    '3.5',
  ]) {
    assert.equal(JSON.stringify(parseExactJson(number)), number);
    const nested = `{"a":[${number},{"b":${number}}],"text":"${number}"}`;
    assert.equal(JSON.stringify(parseExactJson(nested)), nested);
  }
});

test('ordinary numbers stay numbers', () => {
  assert.deepEqual(parseExactJson('{"code":-32002,"half":0.5,"big":9007199254740991,"far":12345678901234567890}'), {
    code: -32002,
    half: 0.5,
    big: 9007199254740991,
    far: (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('12345678901234567890'),
  });
  assert.throws(() => parseExactJson('{"a":1.0'), SyntaxError);
});

test('property: what was printed by JSON.stringify is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.equal(JSON.stringify(parseExactJson(text)), JSON.stringify(JSON.parse(text)));
    }),
  );
});
