import assert from 'node:assert/strict';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { releaseStartMemory } from './release-start-memory.ts';

test('an idle process collects all that it can give up, once', async () => {
  const thorough = constants.NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE;
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { detail } = entry as typeof entry & { detail: { flags: number } };
      if ((detail.flags & thorough) !== 0) collections++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  await setTimeout(100);
  assert.equal(collections, 0, 'V8 does so by itself only when it runs out of memory');
  releaseStartMemory(500);
  await setTimeout(1_500);
  observer.disconnect();
  assert.ok(collections > 0);
});
