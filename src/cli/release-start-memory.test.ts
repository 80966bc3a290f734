import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { releaseStartMemory } from './release-start-memory.ts';

/** Of something that V8 has found alive several times and does not look at again before the heap has grown. */
function oldGarbage(): WeakRef<object> {
  const old = {};
  for (let round = 0; round < 4_000_000; round++) void [round];
  return new WeakRef(old);
}

test('an idle process gives up what nothing refers to any more', async () => {
  const garbage = oldGarbage();
  await setTimeout(100);
  assert.notEqual(garbage.deref(), undefined);
  releaseStartMemory(200);
  await setTimeout(500);
  assert.equal(garbage.deref(), undefined);
});
