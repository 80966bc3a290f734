import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLock } from './lock.ts';

test('one at a time, in the order in which they asked', async () => {
  const lock = createLock();
  const order: number[] = [];
  let inside = 0;
  await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      const held = await lock.acquire();
      assert.equal(++inside, 1);
      order.push(i);
      await new Promise<void>((resolve) => setImmediate(resolve));
      inside--;
      held.release();
    }),
  );
  assert.deepEqual(order, [...Array(50).keys()]);
});

test('letting go twice does not let two in', async () => {
  const lock = createLock();
  const first = await lock.acquire();
  const second = lock.acquire();
  const third = lock.acquire();
  first.release();
  first.release();
  await second;
  const state = await Promise.race([Promise.resolve(third).then(() => 'in'), Promise.resolve('out')]);
  assert.equal(state, 'out');
  (await second).release();
  await third;
});
