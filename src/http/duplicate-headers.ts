import { AppError } from '../errors/app-error.ts';

/**
 * Headers that say who calls, where to, what is meant, or where the body ends: two of them are two answers to one question.
 * The `mcp-` names stand here because they are frequent; every other one is single too.
 */
const SINGLE = [
  'authorization',
  'x-api-key',
  'x-toolgate-key',
  'content-encoding',
  'content-length',
  'content-type',
  'host',
  'last-event-id',
  'origin',
  'transfer-encoding',
  'mcp-protocol-version',
  'mcp-session-id',
  'mcp-method',
  'mcp-name',
];
const CREDENTIALS: readonly string[] = ['authorization', 'x-api-key', 'x-toolgate-key'];

/** The names by their length, each with a bit of its own: most headers of a request are passed over without a comparison. */
const BY_LENGTH = SINGLE.reduce<{ name: string; bit: number }[][]>((lists, name, index) => {
  lists[name.length] ??= [];
  lists[name.length]!.push({ name, bit: 1 << index });
  return lists;
}, []);

/**
 * Refuses a request in which a header that must be single stands twice, also with equal values and in different case.
 * Node keeps the first `Authorization` and `Host` and joins others with commas, while a server behind or in front may keep
 * the last: that difference is what smuggling lives on (undici CVE-2026-1525). All `Mcp-*` headers count as single.
 *
 * @param rawHeaders names and values in turn, as node:http has them.
 * @returns the error to answer with, or null.
 */
export function checkDuplicateHeaders(rawHeaders: readonly string[]): AppError | null {
  let seen = 0;
  let seenMcp: Set<string> | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i]!;
    const single = findSingle(raw);
    if (single !== undefined) {
      if ((seen & single.bit) !== 0) return duplicate(single.name);
      seen |= single.bit;
    } else if (startsLike(raw, 'mcp-')) {
      const name = raw.toLowerCase();
      seenMcp ??= new Set();
      if (seenMcp.has(name)) return duplicate(name);
      seenMcp.add(name);
    }
  }
  return null;
}

function findSingle(raw: string): { name: string; bit: number } | undefined {
  const candidates = BY_LENGTH[raw.length];
  if (candidates === undefined) return undefined;
  for (const candidate of candidates) if (startsLike(raw, candidate.name)) return candidate;
  return undefined;
}

/**
 * Whether `raw` begins with `prefix` in any case. Setting bit 0x20 folds ASCII letters and leaves `-` alone; lower-casing the
 * strings instead would cost twice as much, on every request. `raw` holds token characters only, as node:http checks.
 */
function startsLike(raw: string, prefix: string): boolean {
  if (raw.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if ((raw.charCodeAt(i) | 0x20) !== prefix.charCodeAt(i)) return false;
  return true;
}

function duplicate(name: string): AppError {
  const code = CREDENTIALS.includes(name) ? 'credential_ambiguous' : 'bad_request';
  // Only a name that is one of a few, or is made of header characters, comes this far: safe to repeat.
  return new AppError(code, `The request has more than one ${name} header.`);
}
