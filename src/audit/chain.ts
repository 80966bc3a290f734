import { hash } from 'node:crypto';

/**
 * The hash chain. Every record's hash covers its own bytes and the hash before it, so that no record can be changed,
 * removed, added or moved without changing every hash after it. It starts from the id of the log, so that records of
 * one log do not fit into another.
 */
export const genesisHash = (logId: string): string => hash('sha256', `toolgate audit log v1\n${logId}`, 'hex');

/** SHA-256 over the previous hash (64 hex digits) followed by the record's line, as UTF-8. Lower-case hex. */
export const linkHash = (previous: string, line: string): string => hash('sha256', previous + line, 'hex');

const SUFFIX_START = ',"hash":"';
const SUFFIX_LENGTH = SUFFIX_START.length + 64 + 2;

/** The exported form of a record: its line with the hash as the last member. The bytes before it are the hashed ones. */
export const withHash = (line: string, hash: string): string => `${line.slice(0, -1)}${SUFFIX_START}${hash}"}`;

/** The reverse of `withHash`; null when the text does not end with a hash. */
export function splitHash(exported: string): { line: string; hash: string } | null {
  const cut = exported.length - SUFFIX_LENGTH;
  if (cut < 1 || !exported.startsWith(SUFFIX_START, cut) || !exported.endsWith('"}')) return null;
  const hash = exported.slice(cut + SUFFIX_START.length, -2);
  return /^[0-9a-f]{64}$/.test(hash) ? { line: `${exported.slice(0, cut)}}`, hash } : null;
}
