import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createLoadShedder } from './load-shedder.ts';

/** Keeps the event loop from everything else. */
function stall(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test('an event loop that does not get to its work is overloaded, for as long as that lasts', {
  timeout: 60_000,
}, async (t) => {
  const shedder = createLoadShedder();
  t.after(shedder.stop);
  assert.equal(shedder.overloaded, false);
  while (!shedder.overloaded) {
    stall(700);
    await setTimeout(1);
  }
  while (shedder.overloaded) await setTimeout(50);
});

test('one pause, however long, turns nobody away', async (t) => {
  const shedder = createLoadShedder();
  t.after(shedder.stop);
  await setTimeout(150);
  stall(1500);
  const seen: boolean[] = [];
  for (let look = 0; look < 10; look++) {
    await setTimeout(20);
    seen.push(shedder.overloaded);
  }
  assert.ok(!seen.includes(true));
});

test('a heap that is nearly full is overloaded', { timeout: 60_000 }, async (t) => {
  const full = { used_heap_size: 93, heap_size_limit: 100 };
  const shedder = createLoadShedder(() => full);
  t.after(shedder.stop);
  while (!shedder.overloaded) await setTimeout(20);
  full.used_heap_size = 80;
  while (shedder.overloaded) await setTimeout(20);
});
