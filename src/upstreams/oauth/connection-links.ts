import { createHmac, timingSafeEqual } from 'node:crypto';
import { lengthPrefixed } from '../../lib/length-prefixed.ts';
import type { Secret } from '../../lib/secret.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import type { PrincipalRef } from '../../model/principal.ts';

export interface ConnectionLink {
  readonly url: string;
  /** Names this link, where a client is told later that it was followed. No secret, and nobody can be told from it. */
  readonly id: string;
}

const LIFETIME_MS = 24 * 3_600_000;
/** Links of one person to one upstream are the same for this long, so that an agent that asks often does not get many. */
const STEP_MS = 3_600_000;
const TOKEN = /^([0-9a-z]{1,11})\.([\w-]{43})$/;

/**
 * Links to the page where a person connects an upstream. They open nothing: whoever follows one has to be signed in. What
 * is sealed in is for whom it was made, so that a forwarded link cannot make somebody connect their account for another.
 */
export function createConnectionLinks({
  publicUrl,
  linkKey,
  now,
}: {
  publicUrl: () => string;
  linkKey: Secret;
  now: () => number;
}) {
  const macOf = (upstream: string, principalId: string, expires: string): Buffer =>
    createHmac('sha256', linkKey.reveal())
      .update(lengthPrefixed(['toolgate connect link', upstream, principalId, expires]))
      .digest();

  return {
    linkFor(upstream: string, { id }: Pick<PrincipalRef, 'id'>): ConnectionLink {
      const expires = (Math.ceil(now() / STEP_MS) * STEP_MS + LIFETIME_MS).toString(36);
      const token = `${expires}.${macOf(upstream, id, expires).toString('base64url')}`;
      return {
        url: `${publicUrl()}/connect/${upstream}?for=${token}`,
        id: `ask_${sha256Hex(`connect ${token}`).slice(0, 32)}`,
      };
    },
    linkIsFor(upstream: string, token: string, principalId: string): boolean {
      const [, expires, mac] = TOKEN.exec(token) ?? [];
      if (expires === undefined || mac === undefined || !(Number.parseInt(expires, 36) > now())) return false;
      const presented = Buffer.from(mac, 'base64url');
      const expected = macOf(upstream, principalId, expires);
      return presented.length === expected.length && timingSafeEqual(presented, expected);
    },
  };
}
