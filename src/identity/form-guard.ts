import { createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createCookie } from './cookies.ts';
import { randomValue } from './random-value.ts';

export interface FormGuard {
  /** What the form of this answer sends back as `csrf`. Sets the cookie that it is bound to, where there is none yet. */
  token(request: FastifyRequest, reply: FastifyReply): string;
  /** Whether a form was sent from a page of ours, in this browser. `token`: the field `csrf`. */
  accepts(request: FastifyRequest, token: string | null): boolean;
}

/** Long enough for a form that is left open over lunch. */
const MAX_AGE_SECONDS = 24 * 3600;

/**
 * Guards forms against being sent by other sites (CSRF), also the sign-in form, by which somebody could otherwise be made
 * to work in an attacker's account. Three independent checks: the cookie is `SameSite=Lax` and does not come along, the
 * token is derived from a cookie that other sites cannot read, and `Origin` must be our own.
 *
 * `sessionCookie`: the value of the session cookie. The token of a signed-in person ends with the session; that of
 * somebody who is not lives with a cookie of its own. Either is accepted, as signing in may happen in another tab.
 */
export function createFormGuard({
  secure,
  publicUrl,
  sessionCookie,
}: {
  secure: boolean;
  publicUrl: () => string;
  sessionCookie: (request: FastifyRequest['raw']) => string | null;
}): FormGuard {
  const cookie = createCookie('form', secure);
  return {
    token(request, reply) {
      const bound = sessionCookie(request.raw) ?? cookie.read(request.raw);
      if (bound !== null) return tokenOf(bound);
      const value = randomValue();
      cookie.set(reply, value, MAX_AGE_SECONDS);
      return tokenOf(value);
    },
    accepts(request, token) {
      if (token === null || !isOwnOrigin(request, publicUrl())) return false;
      const given = Buffer.from(token);
      return [sessionCookie(request.raw), cookie.read(request.raw)].some((value) => {
        if (value === null) return false;
        const expected = Buffer.from(tokenOf(value));
        return given.length === expected.length && timingSafeEqual(given, expected);
      });
    },
  };
}

const tokenOf = (cookieValue: string): string => createHmac('sha256', cookieValue).update('form').digest('base64url');

/**
 * Browsers send `Origin` with every form. `Host` was compared with the hosts of this gateway before. A program that sends
 * neither header is no browser, and no browser's cookies are in it.
 */
function isOwnOrigin({ headers }: FastifyRequest, publicUrl: string): boolean {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  if (origin === undefined) return true;
  const own = new URL(publicUrl);
  return origin === own.origin || origin === `${own.protocol}//${headers.host}`;
}
