import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SecretSearch } from './secret-search.ts';

/** What is found by looking everywhere. */
function naively(texts: readonly string[], bytes: Buffer): { start: number; end: number } | undefined {
  const found = texts
    .map((text) => ({ start: bytes.indexOf(text), length: text.length }))
    .filter(({ start }) => start >= 0)
    .sort((a, b) => a.start - b.start || b.length - a.length)[0];
  return found && { start: found.start, end: found.start + found.length };
}

test('secrets of all lengths are found where they stand, the first and of those the longest', () => {
  // Of few letters, so that parts of secrets are everywhere; some longer than a jump can be.
  const secret = fc
    .tuple(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 2, maxLength: 9 }), fc.nat(60))
    .map(([text, times]) => text.repeat(times + 1));
  const between = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'x'), maxLength: 40 }),
    fc.nat(700).map((length) => 'abcx'.repeat(length / 4)),
  );
  fc.assert(
    fc.property(
      fc.array(secret, { minLength: 1, maxLength: 4 }),
      fc.array(fc.tuple(between, fc.nat()), { maxLength: 5 }),
      (texts, pieces) => {
        const search = new SecretSearch(texts.map((text) => Buffer.from(text)));
        const bytes = Buffer.from(pieces.map(([text, which]) => text + texts[which % texts.length]).join(''));
        assert.deepEqual(search.find(bytes, 0), naively(texts, bytes));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a search keeps its own small piece of memory alive and no other', () => {
  const texts = ['a-token-of-some-service', 'YS10b2tlbi1vZi1zb21lLXNlcnZpY2U'].map((text) => Buffer.from(text));
  const search = new SecretSearch(texts);
  const [memory, ...others] = new Set(search.texts.map(({ buffer }) => buffer));
  assert.deepEqual(others, []);
  assert.ok(!texts.some(({ buffer }) => buffer === memory));
  assert.ok(memory!.byteLength < 2500);
});
