import { createLru } from '../lib/lru.ts';

export interface AttemptLimiter {
  /** Counts an attempt and says by how many it is beyond what is allowed. 0: it may be made. */
  excess(key: string): number;
  /** The attempt was right, and does not count. */
  refund(key: string): void;
}

interface Counted {
  attempts: number;
  readonly since: number;
}

/**
 * At most `attempts` of one key in `windowMs`. Kept in memory, for each process by itself, and only of the `capacity` keys
 * that were used last; an account's own lock (lock-rule.ts) is what holds everywhere.
 */
export function createAttemptLimiter({
  attempts,
  windowMs,
  capacity = 10_000,
  now = () => performance.now(),
}: {
  attempts: number;
  windowMs: number;
  capacity?: number | undefined;
  now?: (() => number) | undefined;
}): AttemptLimiter {
  const counted = createLru<string, Counted>(capacity);
  return {
    excess(key) {
      const time = now();
      let entry = counted.get(key);
      if (entry === undefined || time - entry.since >= windowMs) {
        entry = { attempts: 0, since: time };
        counted.set(key, entry);
      }
      return Math.max(0, ++entry.attempts - attempts);
    },
    refund(key) {
      const entry = counted.get(key);
      if (entry !== undefined && entry.attempts > 0) entry.attempts--;
    },
  };
}
