import { AppError } from '../errors/app-error.ts';
import type { Breaker } from './breaker.ts';
import type { Bulkhead } from './bulkhead.ts';
import { type LastError, lastErrorOf } from './last-error.ts';

/** What every call to an upstream passes, on every transport: its bulkhead, then its breaker. */
export interface CallGuard {
  /**
   * Why the upstream could not be reached or broke off, while nothing newer is known of it. It is for display alone: calls
   * are tried all the same, until the breaker opens.
   */
  readonly failure: LastError | undefined;
  /** Takes a place. Returns why not when there is none; then `leave` must not be called. */
  enter(): AppError | undefined;
  /** The upstream gave a sign of life. */
  alive(): void;
  /** Gives the place back. @param blame the failure, when the upstream is to blame for it, by silence or by breaking off. */
  leave(blame?: AppError): void;
  /** Notes what was learnt of the upstream without a call; undefined when it is well. The breaker does not hear of it. */
  observe(failure: AppError | undefined): void;
}

export function createCallGuard(upstream: string, bulkhead: Bulkhead, breaker: Breaker): CallGuard {
  let failure: LastError | undefined;
  return {
    get failure() {
      return failure;
    },
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
      if (failure !== undefined) failure = undefined;
    },
    leave(blame) {
      bulkhead.leave();
      if (blame === undefined) {
        breaker.release();
        return;
      }
      failure = lastErrorOf(blame);
      breaker.fail();
    },
    observe(found) {
      failure = found && lastErrorOf(found);
    },
  };
}
