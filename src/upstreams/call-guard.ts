import { AppError } from '../errors/app-error.ts';
import type { Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';

/** What every call to an upstream passes, on every transport: its bulkhead, then its breaker. */
export interface CallGuard {
  /** Takes a place. Returns why not when there is none; then `leave` must not be called. */
  enter(): AppError | undefined;
  /** The upstream gave a sign of life. */
  alive(): void;
  /** Gives the place back. @param failed the upstream is to blame, by silence or by breaking off. */
  leave(failed: boolean): void;
}

export function createCallGuard(upstream: string, bulkhead: Bulkhead, breaker: Breaker): CallGuard {
  return {
    enter() {
      if (!bulkhead.tryEnter()) {
        return new AppError('upstream_busy', `Too many calls to "${upstream}" are under way. Try again in a moment.`);
      }
      if (breaker.admit()) return undefined;
      bulkhead.leave();
      const seconds = Math.max(1, Math.ceil(breaker.retryAfterMs / 1000));
      return new AppError(
        'upstream_unavailable',
        `"${upstream}" failed ${breaker.consecutiveFailures} times in a row and is left alone for now. Try again in ${seconds} s.`,
      );
    },
    alive() {
      breaker.succeed();
    },
    leave(failed) {
      bulkhead.leave();
      if (failed) breaker.fail();
      else breaker.release();
    },
  };
}
