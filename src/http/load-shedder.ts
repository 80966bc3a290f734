import { getHeapStatistics } from 'node:v8';

/** How late the event loop comes to its work, in milliseconds, from which on new requests only make it worse for all. */
const MAX_DELAY_MS = 500;
/** Share of the heap limit that may be in use; beyond it a request more may end the process for all. */
const MAX_HEAP = 0.92;
const SAMPLE_MS = 100;

export interface LoadShedder {
  /** Refuse new requests for now. Costs a field access. */
  readonly overloaded: boolean;
  stop(): void;
}

/**
 * Watches the event loop and the heap of this process. `heap` reads the latter, in bytes.
 *
 * The delay is how late its own timer comes, twice in a row: one pause, however long, for a collection of garbage or while
 * the process was stopped, turns nobody away, and what lasts does. (`monitorEventLoopDelay` sees nothing of a loop that is stuck in
 * every round, since resetting it forgets the round that is under way.)
 */
export function createLoadShedder(
  heap: () => { readonly used_heap_size: number; readonly heap_size_limit: number } = getHeapStatistics,
): LoadShedder {
  let overloaded = false;
  let lateTimes = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    lateTimes = now - last - SAMPLE_MS > MAX_DELAY_MS ? lateTimes + 1 : 0;
    last = now;
    const { used_heap_size, heap_size_limit } = heap();
    overloaded = lateTimes > 1 || used_heap_size > heap_size_limit * MAX_HEAP;
  }, SAMPLE_MS);
  timer.unref();
  return {
    get overloaded() {
      return overloaded;
    },
    stop: () => clearInterval(timer),
  };
}
