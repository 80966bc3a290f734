import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { watchClock } from './watch-clock.ts';

/** Two clocks that a test moves, and the steps that were told. */
function watched(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let elapsed = 1_000;
  let wall = 1_700_000_000_000;
  const steps: number[] = [];
  const stop = watchClock((step) => steps.push(step), { wall: () => wall, elapsed: () => elapsed });
  const pass = (ms: number, moved = 0): void => {
    elapsed += ms;
    wall += ms + moved;
    t.mock.timers.tick(2_000);
  };
  return { pass, steps, stop };
}

test('a step of more than half a minute is told, once, in either direction', (t) => {
  const { pass, steps, stop } = watched(t);
  for (const moved of [0, 3_600_000, 0, 0, -3_600_000, 0, 30_001, -30_001]) pass(2_000, moved);
  assert.deepEqual(steps, [3_600_000, -3_600_000, 30_001, -30_001]);
  stop();
  pass(2_000, 3_600_000);
  assert.equal(steps.length, 4);
});

test('small corrections, however many, and a process that stood still while both clocks went on are no steps', (t) => {
  const { pass, steps } = watched(t);
  for (let count = 0; count < 100; count++) pass(2_000, 1_000);
  pass(2_000, 30_000);
  pass(3_600_000);
  assert.deepEqual(steps, []);
});
