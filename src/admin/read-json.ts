import { isUtf8 } from 'node:buffer';
import { AppError } from '../errors/app-error.ts';
import { sha256Hex } from '../lib/sha256.ts';

/** No document of this API nests half as deep. */
const MAX_DEPTH = 32;

/** A request body: what it says, and a hash of its bytes. `value` is undefined when the body is empty. */
export interface JsonBody {
  readonly value: unknown;
  readonly hash: string;
}

/**
 * Reads a body strictly: UTF-8, bounded depth, no member name twice, no NUL in text. Another parser in front of the
 * gateway or behind it would read such a document differently or not at all. Throws AppError `parse_error`.
 */
export function readJson(bytes: Buffer): JsonBody {
  const hash = sha256Hex(bytes);
  if (bytes.length === 0) return { value: undefined, hash };
  if (!isUtf8(bytes)) throw new AppError('parse_error', 'The body is not valid UTF-8.');
  if (deeperThan(bytes, MAX_DEPTH)) {
    throw new AppError('parse_error', `The body nests deeper than ${MAX_DEPTH} levels.`);
  }
  const text = bytes.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own text quotes the body, which may hold a secret.
    throw new AppError('parse_error', 'The body is not valid JSON.');
  }
  const found = inspect(value);
  if (found.nul) throw new AppError('parse_error', 'Text must not contain the character U+0000; remove it.');
  if (found.members !== countColons(text)) {
    throw new AppError('parse_error', 'An object in the body has the same member name twice.');
  }
  return { value, hash };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Calls `visit` for every byte that stands outside strings. Of text that is no JSON the result means nothing. */
function outsideStrings(length: number, at: (i: number) => number, visit: (code: number) => boolean): boolean {
  for (let i = 0; i < length; i++) {
    const code = at(i);
    if (code !== QUOTE) {
      if (visit(code)) return true;
      continue;
    }
    for (i++; i < length && at(i) !== QUOTE; i++) if (at(i) === BACKSLASH) i++;
  }
  return false;
}

/** Before parsing, so that a body of a million brackets costs one pass over it. */
function deeperThan(bytes: Buffer, limit: number): boolean {
  let depth = 0;
  return outsideStrings(
    bytes.length,
    (i) => bytes[i]!,
    (code) => {
      if (code === 0x7b || code === 0x5b) depth++;
      else if (code === 0x7d || code === 0x5d) depth--;
      return depth > limit;
    },
  );
}

/** Each member has one colon outside strings, also a member that a later one of the same name replaces. */
function countColons(text: string): number {
  let colons = 0;
  outsideStrings(
    text.length,
    (i) => text.charCodeAt(i),
    (code) => {
      if (code === 0x3a) colons++;
      return false;
    },
  );
  return colons;
}

function inspect(value: unknown): { members: number; nul: boolean } {
  const found = { members: 0, nul: false };
  const visit = (item: unknown): void => {
    if (typeof item === 'string') found.nul ||= item.includes('\0');
    else if (Array.isArray(item)) for (const element of item) visit(element);
    else if (typeof item === 'object' && item !== null) {
      // `__proto__` is an own member of what JSON.parse makes, and Object.entries lists it.
      for (const [name, member] of Object.entries(item)) {
        found.members++;
        visit(name);
        visit(member);
      }
    }
  };
  visit(value);
  return found;
}
