import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for so many milliseconds, or until the signal is aborted. Does not keep the process alive. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0 && !signal.aborted) await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
}
