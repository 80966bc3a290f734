import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createIdRestorer } from './id-restorer.ts';

const WIRE = 1234567890123;
function restore(text: string, cuts: readonly number[], id = '"mine"', token: string | undefined = '7'): string {
  const bytes = Buffer.from(text);
  const restorer = createIdRestorer(WIRE, id, token);
  const out: Buffer[] = [];
  let at = 0;
  for (const cut of [...cuts.map((c) => c % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]) {
    out.push(Buffer.from(restorer.push(bytes.subarray(at, cut))));
    at = Math.max(at, cut);
  }
  out.push(restorer.flush());
  return Buffer.concat(out).toString();
}

test('the id is put back wherever it stands in the answer', () => {
  for (const [given, expected] of [
    [`{"jsonrpc":"2.0","id":${WIRE},"result":{}}`, '{"jsonrpc":"2.0","id":"mine","result":{}}'],
    [
      `{"result":{"a":"${'x'.repeat(1000)}"},"jsonrpc":"2.0","id" : ${WIRE}}`,
      `{"result":{"a":"${'x'.repeat(1000)}"},"jsonrpc":"2.0","id" : "mine"}`,
    ],
    [`{"id":\n${WIRE}\n}`, '{"id":\n"mine"\n}'],
    [`{"params":{"progressToken":${WIRE}}}`, '{"params":{"progressToken":7}}'],
  ] as const) {
    assert.equal(restore(given, []), expected);
  }
});

test('the same digits elsewhere stay: in text, in a longer number, under another name', () => {
  const text = `{"text":"\\"id\\":${WIRE},","n":${WIRE}0,"m":1${WIRE},"other":${WIRE},"id":1}`;
  assert.equal(restore(text, []), text);
});

test('a token that nobody gave is left alone', () => {
  const restorer = createIdRestorer(WIRE, '1', undefined);
  const text = `{"progressToken":${WIRE}}`;
  assert.equal(restorer.push(Buffer.from(text)).toString() + restorer.flush().toString(), text);
});

test('property: how the answer is cut changes nothing', () => {
  const piece = fc.constantFrom(
    `"id":${WIRE},`,
    `"id" :  ${WIRE} }`,
    `"progressToken":${WIRE},`,
    `${WIRE}`,
    'x'.repeat(70),
    '"id":',
    ',',
    'ü',
    '12345',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), fc.array(fc.nat(2000), { maxLength: 30 }), (pieces, cuts) => {
      const text = pieces.join('');
      assert.equal(restore(text, cuts), restore(text, []));
    }),
    { numRuns: 1000 },
  );
});
