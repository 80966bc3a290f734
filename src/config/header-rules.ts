import type { z } from 'zod';
import { parseTemplate } from './references.ts';
import { refuse } from './text-rules.ts';

type Context = z.core.$RefinementCtx<unknown>;
type Path = (string | number)[];

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * What the gateway or the HTTP connection sets itself. Letting a configuration or a caller set one of these would be
 * request smuggling (RFC 9112 §11.2), or a second opinion about what the message says (2026-07-28, Streamable HTTP).
 */
const RESERVED = new Set([
  'accept',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What a caller proves itself with to the gateway; it must never reach an upstream (MCP, "Token passthrough"). */
const CALLER_CREDENTIALS = new Set(['authorization', 'cookie', 'x-api-key', 'x-toolgate-key']);

/** A header that the gateway may set on its requests to an upstream. */
export function checkHeaderName(name: string, ctx: Context, path: Path = []): boolean {
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) {
    refuse(ctx, 'This is not a header name.', 'Use letters, digits and `-`, such as `X-Api-Key`.', path);
    return false;
  }
  if (RESERVED.has(lower) || lower.startsWith('mcp-')) {
    refuse(ctx, 'The gateway sets this header itself.', 'Remove it.', path);
    return false;
  }
  return true;
}

/** A header of the caller that may pass on to an upstream. `_` is refused: many servers read `X_User` as `X-User`. */
export function checkForwardedHeader(name: string, ctx: Context): void {
  if (!checkHeaderName(name, ctx)) return;
  if (CALLER_CREDENTIALS.has(name.toLowerCase())) {
    refuse(
      ctx,
      'Callers prove themselves to the gateway with this header; it never reaches an upstream.',
      'Remove it; the upstream’s own credential goes under `auth`.',
    );
  } else if (name.includes('_')) {
    refuse(ctx, 'Header names with `_` are not passed on.', 'Have the caller use `-` instead.');
  }
}

/** A header that the gateway tells an upstream in who calls. Another credential must not come in its place. */
export function checkIdentityHeader(name: string, ctx: Context): void {
  if (!checkHeaderName(name, ctx)) return;
  if (CALLER_CREDENTIALS.has(name.toLowerCase()) || name.includes('_')) {
    refuse(ctx, 'This header is not for statements of who calls.', 'Use another one, such as `X-Toolgate-Identity`.');
  }
}

/** Header values: visible ASCII, blanks and tabs inside (RFC 9110 §5.5 without the obsolete bytes above 0x7f). */
export function checkHeaderTemplate(value: string, ctx: Context, path: Path): void {
  if (value === '' || value !== value.trim()) {
    refuse(ctx, 'The value is empty or has blanks around it.', 'Write it without them.', path);
  } else if (!/^[\t\x20-\x7e]*$/.test(value)) {
    refuse(ctx, 'The value holds characters that a header cannot.', 'Use ASCII on one line.', path);
  } else {
    checkTemplate(value, ctx, path);
  }
}

/** One variable of a process's environment. */
export function checkVariable(name: string, value: string, ctx: Context): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    refuse(ctx, 'This is not a variable name.', 'Use letters, digits and `_`, such as `GITHUB_TOKEN`.', [name]);
  } else if (value.includes('\0')) {
    refuse(ctx, 'The value holds a NUL character.', 'Remove it.', [name]);
  } else {
    checkTemplate(value, ctx, [name]);
  }
}

/** Text with `${env:NAME}` and `${vault:NAME}` in it. */
export function checkTemplate(value: string, ctx: Context, path: Path): void {
  try {
    parseTemplate(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const fix = 'Correct it. A literal "${" cannot be written; keep such a value in a variable or in the vault.';
    refuse(ctx, error.message, fix, path);
  }
}

/** Whether a literal value looks like a secret, by its name or by its own shape. For warnings only: it guesses. */
export function looksSecret(name: string, value: string): boolean {
  if (/auth|key|token|secret|passw|cookie|credential/i.test(name)) return true;
  return /^(bearer|basic)\s/i.test(value) || (value.length >= 24 && /[0-9]/.test(value) && /^[\w+/=.~-]+$/.test(value));
}
