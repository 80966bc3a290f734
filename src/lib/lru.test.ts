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
