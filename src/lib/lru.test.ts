import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLru } from './lru.ts';

test('the entry that was not used for the longest time leaves first', () => {
  const lru = createLru<string, number>(2);
  assert.equal(lru.set('a', 1), undefined);
  assert.equal(lru.set('b', 2), undefined);
  assert.equal(lru.get('a'), 1);
  assert.equal(lru.set('c', 3), 2);
  assert.equal(lru.get('b'), undefined);
  assert.deepEqual(
    [...lru.entries()],
    [
      ['a', 1],
      ['c', 3],
    ],
  );
});

test('it never grows beyond its capacity', () => {
  const lru = createLru<number, number>(10);
  for (let i = 0; i < 10_000; i++) lru.set(i, i);
  assert.equal(lru.size, 10);
  assert.equal(lru.get(9_999), 9_999);
});

test('replacing an entry makes it the newest and evicts nothing', () => {
  const lru = createLru<string, number>(2);
  lru.set('a', 1);
  lru.set('b', 2);
  assert.equal(lru.set('a', 3), undefined);
  lru.set('c', 4);
  assert.equal(lru.get('a'), 3);
  assert.equal(lru.get('b'), undefined);
});

test('null is a value, deleting and clearing forget', () => {
  const lru = createLru<string, null>(2);
  lru.set('a', null);
  assert.equal(lru.get('a'), null);
  assert.equal(lru.delete('a'), true);
  assert.equal(lru.delete('a'), false);
  lru.set('b', null);
  lru.clear();
  assert.equal(lru.size, 0);
});

test('a capacity that could hold nothing is refused', () => {
  for (const capacity of [0, -1, 1.5, Number.NaN]) assert.throws(() => createLru(capacity), RangeError);
});

test('entries may be deleted while they are gone through, the present one and others', () => {
  const lru = createLru<number, number>(10);
  for (let i = 0; i < 10; i++) lru.set(i, i);
  const seen: number[] = [];
  for (const [key] of lru.entries()) {
    seen.push(key);
    if (key % 3 === 0) lru.delete(key);
    else lru.delete(key + 1);
  }
  assert.deepEqual(seen, [0, 1, 3, 4, 6, 7, 9]);
  assert.deepEqual(
    [...lru.entries()].map(([key]) => key),
    [1, 4, 7],
  );
});
