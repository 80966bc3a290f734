import { AppError } from '../../errors/app-error.ts';
import { type BagMember, createBag } from '../../lib/bag.ts';

/** A call that must not stay silent and must not last for ever. Times are monotonic milliseconds (`performance.now()`). */
export interface Watched extends BagMember {
  readonly startedAt: number;
  lastSignAt: number;
  readonly timeoutMs: number;
  readonly maxDurationMs: number;
  /** True while the consumer holds the call up: then silence is not the upstream's fault. */
  readonly held: boolean;
  expire(why: 'silent' | 'too-long'): void;
}

export interface Watchdog {
  /** Calls being watched. */
  readonly size: number;
  add(call: Watched): void;
  delete(call: Watched): void;
}

/** Times are checked this often, so a call may live this many milliseconds longer than its limit says. */
const INTERVAL_MS = 100;

/**
 * Watches all calls of one upstream with one timer, which runs only while there are calls: on the hot path a call costs
 * one place in a list instead of a timer that every chunk re-arms.
 */
export function createWatchdog(): Watchdog {
  const watched = createBag<Watched>();
  let timer: NodeJS.Timeout | undefined;

  const sweep = (): void => {
    const now = performance.now();
    for (const call of watched.values()) {
      if (now - call.startedAt > call.maxDurationMs) call.expire('too-long');
      else if (!call.held && now - call.lastSignAt > call.timeoutMs) call.expire('silent');
    }
    if (watched.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };

  return {
    get size() {
      return watched.size;
    },
    add(call) {
      watched.add(call);
      // Unreferenced: the calls' own sockets and pipes keep the process alive.
      timer ??= setInterval(sweep, INTERVAL_MS).unref();
    },
    delete(call) {
      watched.delete(call);
    },
  };
}

export function timeoutError(upstream: string, call: Watched, why: 'silent' | 'too-long'): AppError {
  return new AppError(
    'upstream_timeout',
    why === 'silent'
      ? `"${upstream}" gave no sign of life for ${call.timeoutMs} ms.`
      : `The call to "${upstream}" was ended after ${call.maxDurationMs} ms.`,
  );
}
