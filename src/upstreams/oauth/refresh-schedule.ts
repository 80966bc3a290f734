const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** A token is not used at the very end of its life: it has to arrive while it is good, and clocks differ. */
const MAX_MARGIN_MS = 10 * SECOND;
/** How long before that it is refreshed at the earliest. */
const MAX_AHEAD_MS = 5 * MINUTE;
const FIRST_RETRY_MS = SECOND;
const MAX_RETRY_MS = 5 * MINUTE;
/** Of a refresh token with a known end; its provider may not give a new one, so it must not be asked all the time. */
const MIN_KEEP_ALIVE_MS = 5 * MINUTE;
/** Of one without: providers forget those that are not used for weeks or months, and few say so. */
const KEEP_ALIVE_MS = 7 * DAY;

/**
 * How long one refresh may take until other processes count it as cut short: more than the request to the provider and the
 * write after it need.
 */
export const LEASE_MS = 20 * SECOND;

/** Nobody takes a lease for longer; how much clocks of several machines may differ comes on top. */
export const MAX_LEASE_MS = 2 * LEASE_MS;

/** No failure is waited for longer. */
export const MAX_WAIT_MS = 10 * MINUTE;

/** Whether a lease is held. One that ends too late was taken before the clock was set back, and holds up nobody. */
export const isLeaseOn = (until: number | null, now: number): boolean =>
  until !== null && until > now && until <= now + MAX_LEASE_MS;

export interface TokenTimes {
  /** Milliseconds since the epoch. */
  readonly obtainedAt: number;
  /** Null: it does not end by itself. */
  readonly expiresAt: number | null;
}

/** From when on it is not used any more. */
export function deadAt({ obtainedAt, expiresAt }: TokenTimes): number {
  if (expiresAt === null) return Number.POSITIVE_INFINITY;
  return expiresAt - Math.min(MAX_MARGIN_MS, Math.max(0, expiresAt - obtainedAt) / 10);
}

/**
 * From when on it is refreshed, while it is still used: somewhere in the last quarter of its life, in the last five minutes
 * at most. Each process chooses another moment, and tokens that were issued together do not end together.
 */
export function renewAt(times: TokenTimes, random: () => number = Math.random): number {
  const dead = deadAt(times);
  if (times.expiresAt === null) return dead;
  const ahead = Math.min(MAX_AHEAD_MS, Math.max(0, times.expiresAt - times.obtainedAt) / 4);
  return dead - ahead * (0.5 + random() / 2);
}

/** How long nothing is tried after so many failures in a row: twice as long each time, between half and one and a half of it. */
export function backOffMs(failures: number, random: () => number = Math.random): number {
  return Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(20, failures - 1)) * (0.5 + random());
}

/** When a refresh token is used although nobody needs a token, so that it does not die of age. */
export function keepAliveAt({ refreshExpiresAt }: { readonly refreshExpiresAt: number | null }, now: number): number {
  if (refreshExpiresAt === null) return now + KEEP_ALIVE_MS;
  return now + Math.min(KEEP_ALIVE_MS, Math.max(MIN_KEEP_ALIVE_MS, (refreshExpiresAt - now) / 2));
}
