import { compileGlob } from '../lib/glob.ts';
import type { JsonObject, JsonValue } from '../model/json.ts';
import { redactSecretText } from './redact-secret-text.ts';
import { isSecretName } from './secret-name.ts';

export interface RedactOptions {
  /** Globs (`*` only, any case) over member names whose values are left out, besides those that look secret anyway. */
  readonly keys?: readonly string[] | undefined;
  /** About how long the result's JSON may be, in characters; 4,096 when absent. */
  readonly maxBytes?: number | undefined;
}

const REDACTED = '[redacted]';
const DEFAULT_MAX = 4096;
const MAX_DEPTH = 16;
/** A single text keeps this much of itself, and no more than half of what the whole may have. */
const MAX_TEXT = 1024;
/** A secret that begins before the cut is recognised when it ends within so many characters after it. */
const LOOK_AHEAD = 4096;
/** JSON punctuation around a member or an item. */
const OVERHEAD = 4;

const cutNote = (what: string) => `[cut: ${what}]`;

interface Run {
  readonly isConfigured: ((name: string) => boolean) | null;
  readonly maxText: number;
  left: number;
}

/** By the array of globs, which is the same one for every call to an upstream. */
const matchers = new WeakMap<readonly string[], (name: string) => boolean>();

function matcherOf(keys: readonly string[] | undefined): Run['isConfigured'] {
  if (keys === undefined || keys.length === 0) return null;
  let matcher = matchers.get(keys);
  if (matcher === undefined) {
    const globs = keys.map((glob) => compileGlob(glob.toLowerCase()));
    matcher = (name) => globs.some((matches) => matches(name));
    matchers.set(keys, matcher);
  }
  return matcher;
}

function redactText(text: string, run: Run): string {
  const limit = Math.min(run.maxText, Math.max(run.left, 0));
  // What is read counts, not what is left of it, so that a list of secrets cannot make this read without end.
  run.left -= Math.min(text.length, limit);
  if (text.length <= limit) return redactSecretText(text);
  const kept = redactSecretText(text.slice(0, limit + LOOK_AHEAD))
    .slice(0, limit)
    .toWellFormed();
  return `${kept}... ${cutNote(`${text.length} characters`)}`;
}

function isNamedSecret(name: string, value: unknown, run: Run): boolean {
  if (value === null || typeof value === 'boolean') return false;
  if (run.isConfigured?.(name.toLowerCase())) return true;
  // A count of tokens is no secret; a number called password or pin is.
  return isSecretName(name) && !(typeof value === 'number' && /tokens?$/i.test(name));
}

function redactObject(source: Readonly<Record<string, unknown>>, depth: number, run: Run): JsonValue {
  const result: JsonObject = {};
  const names = Object.keys(source);
  for (let i = 0; i < names.length; i++) {
    if (run.left <= 0) {
      result['...'] = cutNote(`${names.length - i} members`);
      break;
    }
    const name = names[i]!;
    const value = source[name];
    const shown = redactText(name, run);
    run.left -= OVERHEAD;
    const kept = isNamedSecret(name, value, run) ? REDACTED : redactValue(value, depth + 1, run);
    // Assigning to `__proto__` would set the prototype of the result instead of a member.
    if (shown === '__proto__') Object.defineProperty(result, shown, { value: kept, enumerable: true });
    else result[shown] = kept;
  }
  return result;
}

function redactArray(source: readonly unknown[], depth: number, run: Run): JsonValue {
  const result: JsonValue[] = [];
  for (let i = 0; i < source.length; i++) {
    if (run.left <= 0) {
      result.push(cutNote(`${source.length - i} items`));
      break;
    }
    run.left -= OVERHEAD;
    result.push(redactValue(source[i], depth + 1, run));
  }
  return result;
}

function redactValue(value: unknown, depth: number, run: Run): JsonValue {
  switch (typeof value) {
    case 'string':
      return redactText(value, run);
    case 'number':
      run.left -= OVERHEAD;
      return value;
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return null;
      if (depth >= MAX_DEPTH) return cutNote('nested too deeply');
      return Array.isArray(value)
        ? redactArray(value, depth, run)
        : redactObject(value as Readonly<Record<string, unknown>>, depth, run);
    default:
      return value === undefined ? null : cutNote(`a ${typeof value}`);
  }
}

/**
 * A copy of a JSON value that may be recorded: values of secret-looking members and secret-looking texts are replaced,
 * and what is too long, too deep or too much is cut, with a note in its place. Takes time in proportion to what it keeps,
 * not to what it is given. Never throws.
 */
export function redactArguments(value: unknown, options: RedactOptions = {}): JsonValue {
  const maxBytes = options.maxBytes ?? DEFAULT_MAX;
  const run: Run = { isConfigured: matcherOf(options.keys), maxText: Math.min(MAX_TEXT, maxBytes / 2), left: maxBytes };
  try {
    return redactValue(value, 0, run);
  } catch {
    // A getter or a proxy; never something that was parsed from JSON.
    return cutNote('unreadable');
  }
}
