import assert from 'node:assert/strict';
import { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { createMemoryBudget } from './memory-budget.ts';

const answer = (): ServerResponse => new ServerResponse({ method: 'POST' } as never);

test('bytes are taken until the answer is over, and refused when others have them', () => {
  const budget = createMemoryBudget(100);
  const [one, two] = [answer(), answer()];
  budget.reserve(one, 40);
  budget.reserve(one, 20);
  assert.throws(() => budget.reserve(two, 41), { code: 'overloaded' });
  budget.reserve(two, 40);
  assert.equal(budget.taken, 100);
  one.emit('close');
  assert.equal(budget.taken, 40);
  budget.reserve(two, 60);
  two.emit('close');
  two.emit('close');
  assert.equal(budget.taken, 0);
});

test('what one request alone could never have is refused as too large, also bit by bit, and the rest is kept', () => {
  const budget = createMemoryBudget(100);
  const one = answer();
  assert.throws(() => budget.reserve(one, 101), { code: 'body_too_large' });
  assert.equal(budget.taken, 0);
  budget.reserve(one, 60);
  assert.throws(() => budget.reserve(one, 41), { code: 'body_too_large' });
  assert.equal(budget.taken, 60);
});

test('a call that outlives its answer keeps its bytes, and an answer that outlives its call does, too', () => {
  const budget = createMemoryBudget(100);
  const [gone, slow] = [answer(), answer()];
  for (const res of [gone, slow]) budget.reserve(res, 50);
  const [freeGone, freeSlow] = [budget.hold(gone), budget.hold(slow)];
  gone.emit('close');
  freeSlow();
  assert.equal(budget.taken, 100);
  freeGone();
  slow.emit('close');
  assert.equal(budget.taken, 0);
});

test('a request that has nothing, or whose client has gone, takes nothing', () => {
  const budget = createMemoryBudget(100);
  budget.hold(answer())();
  const gone = answer();
  gone.destroy();
  gone.once('close', () => {});
  Object.defineProperty(gone, 'closed', { value: true });
  budget.reserve(gone, 1_000);
  assert.equal(budget.taken, 0);
});
