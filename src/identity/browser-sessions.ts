import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import { sha256Hex } from '../lib/sha256.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import {
  deleteBrowserSession,
  deleteBrowserSessionsOfUser,
  findLiveBrowserSession,
  insertBrowserSession,
  listBrowserSessions,
  type StoredBrowserSession,
  touchBrowserSession,
} from '../store/browser-sessions.ts';
import type { Database } from '../store/database.ts';
import type { User } from '../store/users.ts';
import { createCookie } from './cookies.ts';
import { openLogoutHint, sealLogoutHint } from './logout-hint.ts';
import { randomValue } from './random-value.ts';

const HOUR = 3_600_000;
const DEFAULT_IDLE_MS = 12 * HOUR;
const DEFAULT_MAX_MS = 7 * 24 * HOUR;
/** How exact `lastSeenAt` is: a page more or less is not worth a write. */
const TOUCH_MS = 60_000;
const MAX_USER_AGENT = 256;

type Request = Pick<IncomingMessage, 'headers'>;

/** Who is signed in with this browser. */
export interface BrowserSession {
  readonly tenantId: string;
  /** Names the session in lists and records; it opens nothing. */
  readonly id: string;
  readonly userId: string;
  readonly userName: string;
  /** When the person last proved who they are: milliseconds since the epoch. */
  readonly authenticatedAt: number;
  /** How: RFC 8176 values such as `pwd` and `otp`; `fed` for an identity provider. */
  readonly methods: readonly string[];
  /** Name of the identity provider; null for a local account. */
  readonly provider: string | null;
  /** What the provider calls the session (`sid`); null where it does not say. */
  readonly providerSession: string | null;
}

/** What a sign-in found out. */
export interface SignIn {
  readonly user: Pick<User, 'id' | 'name' | 'epoch'>;
  readonly methods: readonly string[];
  readonly address: string;
  /** The request that completed it. */
  readonly request: Request;
  /** Absent for a local account. */
  readonly provider?:
    | { readonly name: string; readonly sessionId: string | null; readonly idToken: string | null }
    | undefined;
}

/** A session that has just ended. */
export interface EndedSession {
  readonly userId: string;
  readonly provider: string | null;
  /** The ID token of the sign-in, for signing out at the provider; null when there is none. */
  readonly idToken: string | null;
}

export type BrowserSessions = ReturnType<typeof createBrowserSessions>;

/**
 * Sessions of people in browsers; nothing else than pages is opened by them. The cookie holds 256 random bits, the database
 * their hash.
 *
 * `secure`: the gateway is reached by https. `idleMs`, `maxMs`: how long a session lasts unused, and at all.
 */
export function createBrowserSessions({
  db,
  secure,
  tenantId = DEFAULT_TENANT,
  now = Date.now,
  idleMs = DEFAULT_IDLE_MS,
  maxMs = DEFAULT_MAX_MS,
}: {
  db: Database;
  secure: boolean;
  tenantId?: string | undefined;
  now?: (() => number) | undefined;
  idleMs?: number | undefined;
  maxMs?: number | undefined;
}) {
  const cookie = createCookie('session', secure);

  async function endCurrent(request: Request): Promise<EndedSession | null> {
    const id = cookie.read(request);
    if (id === null) return null;
    const ended = await deleteBrowserSession(db, { tenantId, idHash: sha256Hex(id) });
    if (ended === null) return null;
    const idToken = ended.logoutHint === null ? null : openLogoutHint(id, ended.logoutHint);
    return { userId: ended.userId, provider: ended.provider, idToken };
  }

  return {
    /** The cookie's value, for what is bound to the session. Not checked: a session need not exist for it. */
    cookieOf: (request: Request): string | null => cookie.read(request),

    /** Null unless the request carries a session that is in force, of an active user. */
    async read(request: Request): Promise<BrowserSession | null> {
      const value = cookie.read(request);
      if (value === null) return null;
      const time = now();
      const ref = { tenantId, idHash: sha256Hex(value) };
      const found = await findLiveBrowserSession(db, ref, { now: time, seenAfter: time - idleMs });
      if (found === null) return null;
      if (time - found.lastSeenAt >= TOUCH_MS) await touchBrowserSession(db, ref, time);
      const { idHash, userId, userName, authenticatedAt, methods, provider, providerSession } = found;
      return { tenantId, id: idHash, userId, userName, authenticatedAt, methods, provider, providerSession };
    },

    /**
     * Signs a person in. The session always gets a new id, and one that the browser had before ends: whoever knew or
     * planted the old cookie has nothing of it (session fixation).
     */
    async start(reply: FastifyReply, signIn: SignIn): Promise<BrowserSession> {
      await endCurrent(signIn.request);
      const value = randomValue();
      const time = now();
      const { user, methods, provider } = signIn;
      const session: StoredBrowserSession = {
        tenantId,
        idHash: sha256Hex(value),
        userId: user.id,
        methods,
        address: signIn.address,
        userAgent: (signIn.request.headers['user-agent'] ?? '').slice(0, MAX_USER_AGENT),
        provider: provider?.name ?? null,
        providerSession: provider?.sessionId ?? null,
        logoutHint: provider?.idToken ? sealLogoutHint(value, provider.idToken) : null,
        epoch: user.epoch,
        createdAt: time,
        authenticatedAt: time,
        lastSeenAt: time,
        expiresAt: time + maxMs,
      };
      await insertBrowserSession(db, session);
      cookie.set(reply, value);
      return {
        tenantId,
        id: session.idHash,
        userId: user.id,
        userName: user.name,
        authenticatedAt: time,
        methods,
        provider: session.provider,
        providerSession: session.providerSession,
      };
    },

    /** Ends the session of this browser; null when it had none. */
    async end(request: Request, reply: FastifyReply): Promise<EndedSession | null> {
      const ended = await endCurrent(request);
      cookie.clear(reply);
      return ended;
    },

    /** Ends one session by its id (see `BrowserSession.id`); false when there is none. */
    endById: async (id: string): Promise<boolean> =>
      (await deleteBrowserSession(db, { tenantId, idHash: id })) !== null,

    /** Ends all sessions of a person; how many there were. */
    endOfPrincipal: (userId: string): Promise<number> => deleteBrowserSessionsOfUser(db, { tenantId, userId }),

    /** The sessions of a person, newest first; those that are over may still be among them until they are swept. */
    list: (userId: string): Promise<StoredBrowserSession[]> => listBrowserSessions(db, { tenantId, userId }),

    /** For sweeping: what was last seen before is over. */
    seenAfter: (): number => now() - idleMs,
  };
}
