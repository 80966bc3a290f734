export type BreakerState = 'closed' | 'open' | 'half-open';

/** Stops calls to an upstream that keeps failing, so that callers get their answer at once instead of after a timeout. */
export interface Breaker {
  readonly state: BreakerState;
  /** Milliseconds until the next call is let through; 0 unless open. */
  readonly retryAfterMs: number;
  readonly consecutiveFailures: number;
  /** Whether a call may go out. When half-open the first one may, as the probe. */
  admit(): boolean;
  /** The upstream answered something. */
  succeed(): void;
  /** The upstream was unreachable, silent or broke off. */
  fail(): void;
  /** An admitted call ended without telling anything, because its caller went away. */
  release(): void;
}

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly threshold?: number;
  /** Milliseconds that it stays open the first time; doubles with every failed probe. */
  readonly openMs?: number;
  readonly maxOpenMs?: number;
  readonly onOpen?: (retryAfterMs: number) => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export function createBreaker(options: BreakerOptions = {}): Breaker {
  const { threshold = 5, openMs = 1000, maxOpenMs = 30_000, onOpen, now = () => performance.now() } = options;
  let failures = 0;
  let openUntil = 0;
  let opened = 0;
  let probing = false;

  const stateAt = (time: number): BreakerState => (opened === 0 ? 'closed' : time < openUntil ? 'open' : 'half-open');

  const open = (time: number): void => {
    const wait = Math.min(maxOpenMs, openMs * 2 ** Math.min(opened, 20));
    opened++;
    probing = false;
    // Up to a quarter more, so that the replicas of a gateway do not probe a recovering upstream in step.
    openUntil = time + wait * (1 + Math.random() / 4);
    onOpen?.(openUntil - time);
  };

  return {
    get state() {
      return stateAt(now());
    },
    get retryAfterMs() {
      return opened === 0 ? 0 : Math.max(0, openUntil - now());
    },
    get consecutiveFailures() {
      return failures;
    },
    admit() {
      if (opened === 0) return true;
      if (probing || now() < openUntil) return false;
      probing = true;
      return true;
    },
    succeed() {
      failures = 0;
      opened = 0;
      probing = false;
    },
    fail() {
      failures++;
      const time = now();
      // Calls that were let out before it opened may still fail while it is open: they say nothing new.
      if (opened === 0 ? failures >= threshold : stateAt(time) === 'half-open') open(time);
    },
    release() {
      probing = false;
    },
  };
}
