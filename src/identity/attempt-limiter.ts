import { isIPv6 } from 'node:net';
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
 * that were used last; an account's own lock (lock-rule.ts) is what holds everywhere. Of a key that is an IPv6 address its
 * /64 counts.
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
    excess(of) {
      const key = countedAs(of);
      const time = now();
      let entry = counted.get(key);
      if (entry === undefined || time - entry.since >= windowMs) {
        entry = { attempts: 0, since: time };
        counted.set(key, entry);
      }
      return Math.max(0, ++entry.attempts - attempts);
    },
    refund(of) {
      const entry = counted.get(countedAs(of));
      if (entry !== undefined && entry.attempts > 0) entry.attempts--;
    },
  };
}

/** Whoever has one address of IPv6 has 2^64 of them (RFC 4291 §2.5.4). */
function countedAs(key: string): string {
  if (!isIPv6(key)) return key;
  const [head = '', tail] = key.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const after = groups(tail ?? '');
  const before = groups(head);
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
