const MINUTE = 60_000;
const FREE_ATTEMPTS = 5;
const FIRST_LOCK_MS = 15 * MINUTE;
/** So that nobody can lock somebody else out for longer than a day. */
const LONGEST_LOCK_MS = 24 * 60 * MINUTE;

/**
 * Until when an account is locked after so many failures in a row (milliseconds since the epoch), null: not at all. Five
 * lock it for a quarter of an hour, and each one more for twice as long. Guessing is then so slow that it leads nowhere:
 * less than 400 guesses in a year.
 */
export function lockedUntil(failures: number, now: number): number | null {
  if (failures < FREE_ATTEMPTS) return null;
  return now + Math.min(FIRST_LOCK_MS * 2 ** Math.min(failures - FREE_ATTEMPTS, 16), LONGEST_LOCK_MS);
}
