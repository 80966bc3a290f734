import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';

/** Mean delay of the event loop, in milliseconds, from which on new requests only make it worse for those under way. */
const MAX_DELAY_MS = 500;
/** Share of the heap limit that may be in use; beyond it a request more may end the process for all. */
const MAX_HEAP = 0.92;
const SAMPLE_MS = 500;

export interface LoadShedder {
  /** Refuse new requests for now. Costs a field access. */
  readonly overloaded: boolean;
  stop(): void;
}

/** Watches the event loop and the heap of this process. */
export function createLoadShedder(): LoadShedder {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  let overloaded = false;
  const timer = setInterval(() => {
    const { used_heap_size, heap_size_limit } = getHeapStatistics();
    overloaded = delay.mean / 1e6 > MAX_DELAY_MS || used_heap_size > heap_size_limit * MAX_HEAP;
    delay.reset();
  }, SAMPLE_MS);
  timer.unref();
  return {
    get overloaded() {
      return overloaded;
    },
    stop() {
      clearInterval(timer);
      delay.disable();
    },
  };
}
