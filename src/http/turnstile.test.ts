import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurnstile } from './turnstile.ts';

const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

test('whoever comes first begins at once', async () => {
  const pass = createTurnstile();
  let passed = false;
  pass().then(() => {
    passed = true;
  });
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(passed, true);
});

test('many at once begin one by one, in their order, some turns of the event loop apart', async () => {
  const pass = createTurnstile({ turns: 3 });
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  const began: { who: number; at: number }[] = [];
  await Promise.all(
    Array.from({ length: 10 }, (_, who) =>
      pass().then(() => {
        began.push({ who, at: turns });
      }),
    ),
  );
  counting = false;
  assert.deepEqual(
    began.map(({ who }) => who),
    Array.from({ length: 10 }, (_, who) => who),
  );
  for (let i = 1; i < began.length; i++) assert.ok(began[i]!.at - began[i - 1]!.at >= 3, JSON.stringify(began));
});

test('what lasts long holds up nobody', async () => {
  const pass = createTurnstile();
  const forever = pass().then(() => new Promise<never>(() => {}));
  await pass();
  assert.ok(forever instanceof Promise);
});

test('when too many wait, the next is refused, and later let in again', async () => {
  const pass = createTurnstile({ turns: 2, maxWaiting: 3 });
  const first = Array.from({ length: 4 }, () => pass());
  await assert.rejects(pass(), { code: 'overloaded' });
  await Promise.all(first);
  await turnOfTheLoop();
  await pass();
});

test('while calls are under way, the event loop rests between two of them; but nobody waits for ever', async () => {
  const pass = createTurnstile({ isBusy: () => true });
  // Work without a pause: the loop never rests.
  let working = true;
  const work = (): void => {
    if (working) setImmediate(work);
  };
  work();
  const start = performance.now();
  await pass();
  await pass();
  working = false;
  assert.ok(performance.now() - start >= 99);
});
