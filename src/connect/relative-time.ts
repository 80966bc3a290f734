const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** `in 52 minutes`, `3 days ago`, `just now`. Both in milliseconds since the epoch. */
export function relativeTime(time: number, now: number): string {
  const distance = time - now;
  const size = Math.abs(distance);
  if (size < MINUTE) return distance > 0 ? 'in a moment' : 'just now';
  if (size < HOUR) return words.format(Math.trunc(distance / MINUTE), 'minute');
  if (size < DAY) return words.format(Math.trunc(distance / HOUR), 'hour');
  return words.format(Math.trunc(distance / DAY), 'day');
}

/** `2026-11-21 08:30 UTC`: pages have no script, so they cannot know the clock on the wall. */
export const utcMinute = (time: number): string => `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
