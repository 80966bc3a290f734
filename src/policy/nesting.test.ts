import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deepestNesting } from './nesting.ts';

test('all kinds of brackets count together', () => {
  assert.equal(deepestNesting('permit(principal, action, resource) when { ([{a: (1)}]) };'), 5);
  assert.equal(deepestNesting('('.repeat(200)), 200);
});

test('brackets in strings and comments do not count', () => {
  assert.equal(deepestNesting('"((((" // ((((\n()'), 1);
  assert.equal(deepestNesting('"\\"((((" ()'), 1);
});

test('a chain of ifs counts until its statement ends', () => {
  assert.equal(deepestNesting('if a then b else '.repeat(70)), 70);
  assert.equal(deepestNesting('if a then b else c;'.repeat(70)), 1);
  assert.equal(deepestNesting('gif iffy '.repeat(70)), 0);
});

test('a closing bracket too many hides nothing that follows', () => {
  assert.equal(deepestNesting(`)))${'('.repeat(70)}`), 70);
});

test('a string without an end does not make the scan slow', () => {
  assert.equal(deepestNesting(`("${'\\"'.repeat(130_000)}`), 1);
  assert.equal(deepestNesting(`("${'\\\\'.repeat(130_000)}\\`), 1);
});
