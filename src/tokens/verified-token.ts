import type { JWTPayload } from 'jose';
import { refuseToken } from './token-refusal.ts';

/** How far clocks may be apart. */
export const LEEWAY_MS = 60_000;

/** What a token says that is known to come from its issuer, in force, and meant for one of these resources. */
export interface VerifiedToken {
  /** Resource URLs. */
  readonly resources: readonly string[];
  /** Milliseconds since the epoch, without leeway. */
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  /** Thumbprint of the key that it is bound to (RFC 9449 §6.1); null for a bearer token. */
  readonly boundTo: string | null;
}

/** A claim that must be there, as text. */
export function requiredClaim(payload: Readonly<Record<string, unknown>>, name: string): string {
  const value = payload[name];
  if (typeof value !== 'string' || value === '') throw refuseToken('claims', `no \`${name}\``);
  return value;
}

/** The time of `exp`; a token without one would be good for ever. A time far ahead in `iat` is a forgery or a broken clock. */
export function checkTimes({ exp, iat }: JWTPayload, now: number): number {
  if (typeof exp !== 'number') throw refuseToken('claims', 'no `exp`');
  if (typeof iat === 'number' && iat * 1000 > now + LEEWAY_MS) throw refuseToken('not_yet_valid', '`iat` is ahead');
  return exp * 1000;
}

/**
 * The key that a token is bound to. A binding of another kind (RFC 8705) cannot be checked here, and a token that is
 * bound to something must not pass as one that is not.
 */
export function boundKey({ cnf }: Readonly<Record<string, unknown>>): string | null {
  if (cnf === undefined) return null;
  const { jkt } = (cnf ?? {}) as { jkt?: unknown };
  if (typeof jkt !== 'string') throw refuseToken('claims', '`cnf` without `jkt`');
  return jkt;
}

/** `scope` (RFC 9068 §2.2.3), or `scp` as some issuers call it; text or list. */
export function scopesOf({ scope, scp }: Readonly<Record<string, unknown>>): string[] {
  const value = scope ?? scp;
  const entries = Array.isArray(value) ? value : [value];
  return entries.flatMap((entry) => (typeof entry === 'string' ? entry.split(' ').filter(Boolean) : []));
}
