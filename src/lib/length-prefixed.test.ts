import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { lengthPrefixed } from './length-prefixed.ts';

test('each text stands behind its length in bytes', () => {
  assert.equal(lengthPrefixed(['a', '', 'é']).toString('hex'), '00000001610000000000000002c3a9');
});

test('two different lists never give the same bytes', () => {
  // Well-formed texts only: lone surrogates all become U+FFFD in UTF-8.
  const lists = fc.array(fc.string({ unit: 'grapheme', maxLength: 4 }), { maxLength: 4 });
  fc.assert(
    fc.property(lists, lists, (a, b) => {
      const same = JSON.stringify(a) === JSON.stringify(b);
      assert.equal(lengthPrefixed(a).equals(lengthPrefixed(b)), same);
    }),
  );
});
