import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createOpenIntents } from './open-intents.ts';

test('an outcome ends the latest intent of its request, and a refusal exactly its own', () => {
  const open = createOpenIntents();
  open.add('a', 1);
  open.add('a', 2);
  open.add('a', 3);
  open.add('b', 4);
  assert.equal(open.take('a', 2), 2);
  assert.equal(open.take('a', 2), undefined);
  assert.equal(open.take('b', 1), undefined);
  assert.deepEqual([open.take('a'), open.take('a'), open.take('a')], [3, 1, undefined]);
  assert.equal(open.take('b', 4), 4);
  assert.equal(open.size(), 0);
});
