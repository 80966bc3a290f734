import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLimiter } from './limiter.ts';

test('with 1, work runs one at a time, in order, and a failure reaches its caller only', async () => {
  const limited = createLimiter(1);
  const log: string[] = [];
  const work = (name: string) => async () => {
    log.push(`${name} begins`);
    await nextTurn();
    log.push(`${name} ends`);
    if (name === 'b') throw new Error('b failed');
    return name;
  };
  const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => limited(work(name))));
  assert.deepEqual(log, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

test('never more than the limit run, and never fewer while somebody waits', async () => {
  const limited = createLimiter(3);
  let running = 0;
  const seen = new Set<number>();
  await Promise.all(
    Array.from({ length: 20 }, () =>
      limited(async () => {
        seen.add(++running);
        await nextTurn();
        running--;
      }),
    ),
  );
  assert.deepEqual([...seen].sort(), [1, 2, 3]);
  assert.equal(running, 0);
});

test('a newcomer does not overtake those who wait', async () => {
  const limited = createLimiter(1);
  const order: number[] = [];
  const first = limited(async () => void order.push(1));
  const second = limited(async () => void order.push(2));
  await first;
  await Promise.all([second, limited(async () => void order.push(3))]);
  assert.deepEqual(order, [1, 2, 3]);
});
