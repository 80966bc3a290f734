import type * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { ErrorCode } from '../errors/catalog.ts';
import { closestMatch } from '../lib/closest.ts';

/** One thing that is wrong with a request. */
export interface InputFault {
  /** Such as `auth.names[0]`; empty for the whole. */
  readonly path: string;
  /** Says what to write instead, and never repeats the value: it may be a secret. */
  readonly message: string;
}

/** More are not listed, only counted. */
const MAX_LISTED = 50;

/** The refusal of a request part: all faults in the text, and as the member `errors` of the problem document. */
export function inputRefusal(code: ErrorCode, what: string, faults: readonly InputFault[]): AppError {
  const listed = faults.slice(0, MAX_LISTED);
  const lines = listed.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  if (faults.length > listed.length) lines.push(`… and ${faults.length - listed.length} more.`);
  return new AppError(code, `${what} is not valid. ${lines.join(' ')}`, { data: { errors: listed } });
}

/** The value as the schema gives it out. Throws AppError with `code` and every fault. */
export function checkInput<S extends z.ZodType>(schema: S, value: unknown, code: ErrorCode, what: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw inputRefusal(
    code,
    what,
    parsed.error.issues.flatMap((issue) => faultsOf(issue, schema)),
  );
}

function faultsOf(issue: z.core.$ZodIssue, schema: z.ZodType): InputFault[] {
  const path = issue.path as (string | number)[];
  if (issue.code === 'unrecognized_keys') {
    const known = membersAt(schema, path);
    return issue.keys.map((key) => ({ path: pathText([...path, key]), message: unknownMember(key, known) }));
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The alternative that got furthest is the one that was meant.
    const [nearest] = [...issue.errors].sort((a, b) => a.length - b.length);
    return nearest!.flatMap((inner) => faultsOf({ ...inner, path: [...path, ...inner.path] }, schema));
  }
  // The rules of the configuration keep what to do apart from what is wrong.
  const fix = issue.code === 'custom' ? issue.params?.fix : undefined;
  const message = sentence(issue.message);
  return [{ path: pathText(path), message: typeof fix === 'string' ? `${message} ${fix}` : message }];
}

function unknownMember(key: string, known: readonly string[]): string {
  const meant = closestMatch(key, known);
  if (meant !== null) return `There is no such member; did you mean \`${meant}\`?`;
  return known.length === 0
    ? 'There is no such member.'
    : `There is no such member; known here: ${known.map((name) => `\`${name}\``).join(', ')}.`;
}

/** The members of the object schema at the path, for suggestions; empty where the schema is something else. */
function membersAt(schema: z.ZodType, path: readonly (string | number)[]): string[] {
  let current: unknown = schema;
  for (const part of [...path, null]) {
    current = unwrapped(current);
    if (part === null) break;
    const { shape, element } = current as { shape?: Record<string, unknown>; element?: unknown };
    current = typeof part === 'number' ? element : shape?.[part];
    if (current === undefined) return [];
  }
  return Object.keys((current as { shape?: object }).shape ?? {});
}

/** Without `optional`, `default` and the like around it. */
function unwrapped(schema: unknown): unknown {
  let inner = schema as { def?: { innerType?: unknown; in?: unknown } };
  for (;;) {
    const next = inner.def?.innerType ?? inner.def?.in;
    if (next === undefined) return inner;
    inner = next as typeof inner;
  }
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** `['auth', 'names', 0]` → `auth.names[0]`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}
