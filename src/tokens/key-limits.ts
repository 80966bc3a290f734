import { AppError } from '../errors/app-error.ts';
import { parseCidr } from '../lib/cidr.ts';

const MAX_NAME_CHARACTERS = 100;
const MAX_ENTRIES = 100;
const MAX_GLOB_CHARACTERS = 256;

/** Throws `unprocessable`; returns the name without outer blanks. */
export function checkKeyName(name: string): string {
  const trimmed = name.trim();
  if (trimmed === '' || trimmed.length > MAX_NAME_CHARACTERS || /\p{C}/u.test(trimmed)) {
    throw new AppError('unprocessable', `The name of a key has 1 to ${MAX_NAME_CHARACTERS} printable characters.`);
  }
  return trimmed;
}

/** Throws `unprocessable`; returns the networks in their canonical form, each one once. */
export function checkKeyCidrs(cidrs: readonly string[]): string[] {
  checkCount('networks', cidrs);
  const canonical = cidrs.map((cidr) => {
    try {
      return parseCidr(cidr).text;
    } catch (error) {
      throw new AppError('unprocessable', (error as Error).message, { cause: error });
    }
  });
  return [...new Set(canonical)];
}

/** Throws `unprocessable`; returns the globs, each one once. */
export function checkKeyTools(tools: readonly string[]): string[] {
  checkCount('tool globs', tools);
  for (const glob of tools) {
    if (glob === '' || glob.length > MAX_GLOB_CHARACTERS || /[\s\p{C}]/u.test(glob)) {
      throw new AppError(
        'unprocessable',
        `A tool glob has 1 to ${MAX_GLOB_CHARACTERS} printable characters without blanks, such as github__get_*.`,
      );
    }
  }
  return [...new Set(tools)];
}

/** Throws `unprocessable` unless it is null (never) or a time to come. */
export function checkKeyExpiry(expiresAt: number | null, now: number): void {
  if (expiresAt === null) return;
  if (!Number.isSafeInteger(expiresAt))
    throw new AppError('unprocessable', 'The expiry is a whole number of milliseconds.');
  if (expiresAt <= now) throw new AppError('unprocessable', 'The expiry is in the past. Choose a later time.');
}

function checkCount(what: string, entries: readonly string[]): void {
  if (entries.length > MAX_ENTRIES) {
    throw new AppError('unprocessable', `A key has at most ${MAX_ENTRIES} ${what}, not ${entries.length}.`);
  }
}
