import type { FastifyReply, FastifyRequest } from 'fastify';
import { sha256Hex } from '../lib/sha256.ts';
import type { JsonObject } from '../model/json.ts';
import type { Database } from '../store/database.ts';
import { findLoginState, insertLoginState, takeLoginState } from '../store/login-states.ts';
import { createCookie } from './cookies.ts';
import { randomValue } from './random-value.ts';

const SECOND = 1000;
/** Time to sign in at the provider, also for who has to look for a phone first. */
const PROVIDER_SECONDS = 600;
const CODE_SECONDS = 300;
/** No provider can have this name. */
const SECOND_FACTOR = '_second_factor';

/** A person whose password was right, and who is asked for a code now. */
export interface AwaitedCode {
  readonly userId: string;
  readonly returnTo: string;
}

export type PendingLogins = ReturnType<typeof createPendingLogins>;

/**
 * Logins that are under way. Each is bound to the browser that began it, by a cookie that is set at the moment it leaves:
 * whoever opens somebody else's way back (a captured URL of the provider) has another cookie, or none, and gets nothing.
 */
export function createPendingLogins({
  db,
  secure,
  tenantId,
  now,
}: {
  db: Database;
  secure: boolean;
  tenantId: string;
  now: () => number;
}) {
  const browser = createCookie('login', secure);
  const secondFactor = createCookie('second_factor', secure);
  const codeRef = (cookie: string) => ({
    tenantId,
    stateHash: sha256Hex(`second factor ${cookie}`),
    browserHash: sha256Hex(cookie),
    provider: SECOND_FACTOR,
  });

  return {
    /** Begins one at a provider; returns its `state`. Several tabs of one browser may each have one. */
    async begin(request: FastifyRequest, reply: FastifyReply, provider: string, payload: JsonObject): Promise<string> {
      const state = randomValue();
      const cookie = browser.read(request.raw) ?? randomValue();
      await insertLoginState(db, {
        tenantId,
        stateHash: sha256Hex(state),
        browserHash: sha256Hex(cookie),
        provider,
        payload,
        expiresAt: now() + PROVIDER_SECONDS * SECOND,
      });
      browser.set(reply, cookie, PROVIDER_SECONDS);
      return state;
    },

    /** What was begun with this state, by this browser, for this provider; the first time that it is asked for, else null. */
    async finish(request: FastifyRequest, provider: string, state: string): Promise<JsonObject | null> {
      const cookie = browser.read(request.raw);
      if (cookie === null) return null;
      const ref = { tenantId, stateHash: sha256Hex(state), browserHash: sha256Hex(cookie), provider };
      return (await takeLoginState(db, ref, now()))?.payload ?? null;
    },

    async beginCode(reply: FastifyReply, awaited: AwaitedCode): Promise<void> {
      const cookie = randomValue();
      const expiresAt = now() + CODE_SECONDS * SECOND;
      await insertLoginState(db, { ...codeRef(cookie), payload: { ...awaited }, expiresAt });
      secondFactor.set(reply, cookie, CODE_SECONDS);
    },

    /** Whose code is awaited from this browser; null when nobody's is, any more. */
    async awaitedCode(request: FastifyRequest): Promise<AwaitedCode | null> {
      const cookie = secondFactor.read(request.raw);
      const found = cookie === null ? null : await findLoginState(db, codeRef(cookie), now());
      return found === null ? null : readAwaited(found.payload);
    },

    /** The code was right. False when another request was faster. */
    async finishCode(request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
      const cookie = secondFactor.read(request.raw);
      secondFactor.clear(reply);
      return cookie !== null && (await takeLoginState(db, codeRef(cookie), now())) !== null;
    },
  };
}

const readAwaited = ({ userId, returnTo }: JsonObject): AwaitedCode => ({
  userId: userId as string,
  returnTo: returnTo as string,
});
