import { CliError } from './cli-error.ts';

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `90d`, `12h`, `30m`, `45s`, `2w` in milliseconds, or null when the text is none of these. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,6})([smhdw])$/.exec(text);
  return match === null ? null : Number(match[1]) * UNITS[match[2]!]!;
}

/** An option that takes a duration. Throws for anything else. */
export function durationOption(option: string, text: string): number {
  const duration = parseDuration(text);
  if (duration === null)
    throw new CliError(`${option} takes a duration such as 90d, 12h or 30m, not "${text}".`, { exitCode: 2 });
  return duration;
}

/** An option that takes a moment to come: a duration from now, a date, or `never` (null). */
export function futureOption(option: string, text: string, now: number = Date.now()): number | null {
  if (text === 'never') return null;
  const duration = parseDuration(text);
  if (duration !== null) return now + duration;
  return dateOption(option, text, 'a duration such as 90d, a date such as 2027-01-31, or never');
}

/** An option that takes a moment in the past: a duration until now, or a date. */
export function pastOption(option: string, text: string, now: number = Date.now()): number {
  const duration = parseDuration(text);
  if (duration !== null) return now - duration;
  return dateOption(option, text, 'a duration such as 2h, or a date such as 2027-01-31 or 2027-01-31T12:00Z');
}

function dateOption(option: string, text: string, expected: string): number {
  const time = /^\d{4}-\d\d-\d\d(T[0-9:.]+(Z|[+-]\d\d:\d\d)?)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new CliError(`${option} takes ${expected}, not "${text}".`, { exitCode: 2 });
  return time;
}

/** `2027-01-31 12:00Z`, in UTC, so that it reads the same on every machine. */
export function formatMinute(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')}Z`;
}

/** `2027-01-31 12:00:05Z`. */
export function formatSecond(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

/** `3 min ago`; coarse, as a table needs it. */
export function formatAgo(time: number, now: number = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - time) / 1000));
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}
