import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const AFTER_MS = 5_000;
/** Of the time since the start, for a gateway that nobody has called yet. */
const IDLE_UTILIZATION = 0.1;

/**
 * Collects once what loading the code and reading the configuration left behind, an eighth of the memory of an idle gateway
 * (a fifth from source). V8 collects when the heap grows, and an idle one does not for hours. It holds up everything for
 * some 40 ms, so a gateway that already has calls is left alone: V8 collects there soon.
 */
export function releaseStartMemory(afterMs = AFTER_MS): void {
  const atStart = performance.eventLoopUtilization();
  setTimeout(() => {
    if (performance.eventLoopUtilization(atStart).utilization > IDLE_UTILIZATION) return;
    // Only a context that is made after the flag was set has the function.
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as NodeJS.GCFunction;
    setFlagsFromString('--no-expose-gc');
    // `last-resort` also gives the memory back to the system.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }, afterMs).unref();
}
