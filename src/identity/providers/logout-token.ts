import { decodeProtectedHeader, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { isLoopbackHost } from '../../lib/loopback.ts';
import { safeFetch } from '../../lib/safe-fetch.ts';
import { createIssuerKeys } from '../../tokens/issuer-keys.ts';

/** Whom a provider signs out: one of its sessions, or with a subject alone all that somebody has there. */
export interface LogoutToken {
  readonly id: string;
  readonly subject: string | null;
  readonly sessionId: string | null;
  /** Until when it could be sent again: milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The message is for the log, and for whoever looks after the provider. */
export class LogoutTokenRefused extends Error {}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
/** Asymmetric ones: whatever a provider signs ID tokens with. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const LEEWAY_SECONDS = 60;
/** A logout is told at once; one that comes later was kept by somebody. */
const MAX_AGE_SECONDS = 300;

const keysOf = new WeakMap<IdentityProviderSettings, JWTVerifyGetKey>();

function keysFor(settings: IdentityProviderSettings): JWTVerifyGetKey {
  const { issuer } = settings;
  const reach = isLoopbackHost(new URL(issuer).hostname) ? 'loopback-too' : 'internal';
  const keys = keysOf.get(settings) ?? createIssuerKeys({ issuer, fetch: (url) => safeFetch(url, { reach }) });
  keysOf.set(settings, keys);
  return keys;
}

/**
 * Reads a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4, §2.6). An ID token must not pass for one: it has no
 * `events`, and a logout token no `nonce`. `exp` is looked at where there is one, as earlier drafts did not ask for it; `iat`
 * may be five minutes old.
 *
 * Rejects with LogoutTokenRefused, or AppError `token_issuer_unavailable` when the keys of the provider cannot be had.
 */
export async function readLogoutToken(
  settings: IdentityProviderSettings,
  token: string,
  now: number,
): Promise<LogoutToken> {
  const payload = await verify(settings, token, now);
  const { sub, sid, jti, iat, nonce, events } = payload;
  const event = typeof events === 'object' && events !== null ? (events as Record<string, unknown>)[EVENT] : undefined;
  if (typeof event !== 'object' || event === null) throw new LogoutTokenRefused('`events` does not say that it is one');
  if (nonce !== undefined) throw new LogoutTokenRefused('it has a `nonce`, which is for ID tokens');
  if (typeof jti !== 'string' || jti === '') throw new LogoutTokenRefused('it has no `jti`');
  const subject = typeof sub === 'string' && sub !== '' ? sub : null;
  const sessionId = typeof sid === 'string' && sid !== '' ? sid : null;
  if (subject === null && sessionId === null) throw new LogoutTokenRefused('it has neither `sub` nor `sid`');
  return { id: jti, subject, sessionId, expiresAt: (iat! + MAX_AGE_SECONDS + LEEWAY_SECONDS) * 1000 };
}

async function verify(settings: IdentityProviderSettings, token: string, now: number): Promise<JWTPayload> {
  try {
    const { typ } = decodeProtectedHeader(token);
    if (!['', 'jwt', 'logout+jwt', 'application/logout+jwt'].includes(String(typ ?? '').toLowerCase())) {
      throw new LogoutTokenRefused(`its type is ${JSON.stringify(typ)}`);
    }
    const { payload } = await jwtVerify(token, keysFor(settings), {
      algorithms: ALGORITHMS,
      issuer: settings.issuer,
      audience: settings.clientId,
      clockTolerance: LEEWAY_SECONDS,
      maxTokenAge: MAX_AGE_SECONDS,
      requiredClaims: ['iat'],
      currentDate: new Date(now),
    });
    return payload;
  } catch (error) {
    // What jose finds wrong with the token has a code of its own; decoding throws TypeError.
    const isRefusal = error instanceof TypeError || String((error as { code?: unknown }).code).startsWith('ERR_J');
    throw isRefusal ? new LogoutTokenRefused((error as Error).message, { cause: error }) : error;
  }
}
