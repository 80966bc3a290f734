import { parentPort, workerData } from 'node:worker_threads';
import { monotonicUs } from './commands.ts';

/** When calls arrive: `count` of them, `intervalUs` apart. */
export interface Schedule {
  readonly firstAtUs: number;
  readonly intervalUs: number;
  readonly count: number;
}

/** Says how many arrivals have come due, to some tens of microseconds; timers of the event loop know only milliseconds. */
const { firstAtUs, intervalUs, count } = workerData as Schedule;
const never = new Int32Array(new SharedArrayBuffer(4));
for (let told = 0; told < count; ) {
  const waitMs = (firstAtUs + told * intervalUs - monotonicUs()) / 1000;
  if (waitMs > 0) Atomics.wait(never, 0, 0, waitMs);
  const due = Math.min(count, Math.floor((monotonicUs() - firstAtUs) / intervalUs) + 1);
  if (due <= told) continue;
  parentPort!.postMessage(due - told);
  told = due;
}
