import type { Selectable } from 'kysely';
import type { Database, Tables } from './tables.ts';

/** A person who is signed in with a browser. */
export interface StoredBrowserSession {
  readonly tenantId: string;
  /** Hex SHA-256 of the cookie's value: names the session, and opens nothing. */
  readonly idHash: string;
  readonly userId: string;
  /** How the person signed in: RFC 8176 values such as `pwd` and `otp`, and `fed` for an identity provider. */
  readonly methods: readonly string[];
  readonly address: string;
  readonly userAgent: string;
  /** Name of the identity provider; null for a local account. */
  readonly provider: string | null;
  /** Its `sid` for this session, by which it can end it. */
  readonly providerSession: string | null;
  /** The ID token, encrypted under the session id. */
  readonly logoutHint: string | null;
  /** The user's epoch at sign-in. */
  readonly epoch: number;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly authenticatedAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
}

/** A session that is in force, with whose it is. */
export interface LiveBrowserSession extends StoredBrowserSession {
  readonly userName: string;
}

export interface BrowserSessionRef {
  readonly tenantId: string;
  readonly idHash: string;
}

export async function insertBrowserSession(db: Database, session: StoredBrowserSession): Promise<void> {
  await db
    .insertInto('browser_sessions')
    .values({
      tenant_id: session.tenantId,
      id_hash: session.idHash,
      user_id: session.userId,
      methods: JSON.stringify(session.methods),
      address: session.address,
      user_agent: session.userAgent,
      provider: session.provider,
      provider_session: session.providerSession,
      logout_hint: session.logoutHint,
      epoch: session.epoch,
      created_at: session.createdAt,
      authenticated_at: session.authenticatedAt,
      last_seen_at: session.lastSeenAt,
      expires_at: session.expiresAt,
    })
    .execute();
}

/**
 * Null unless the session is in force: it is known, not past its end, was seen at or after `seenAfter`, and its user is
 * active and has had no reason to end what was issued since (the epoch).
 */
export async function findLiveBrowserSession(
  db: Database,
  ref: BrowserSessionRef,
  { now, seenAfter }: { now: number; seenAfter: number },
): Promise<LiveBrowserSession | null> {
  const row = await db
    .selectFrom('browser_sessions')
    .innerJoin('users', (join) =>
      join
        .onRef('users.tenant_id', '=', 'browser_sessions.tenant_id')
        .onRef('users.id', '=', 'browser_sessions.user_id'),
    )
    .selectAll('browser_sessions')
    .select('users.name as user_name')
    .where('browser_sessions.tenant_id', '=', ref.tenantId)
    .where('browser_sessions.id_hash', '=', ref.idHash)
    .where('browser_sessions.expires_at', '>', now)
    .where('browser_sessions.last_seen_at', '>=', seenAfter)
    .where('users.status', '=', 'active')
    .whereRef('users.epoch', '=', 'browser_sessions.epoch')
    .executeTakeFirst();
  return row ? { ...toBrowserSession(row), userName: row.user_name } : null;
}

/** The sessions of a user, newest first, in force or not. */
export async function listBrowserSessions(
  db: Database,
  { tenantId, userId }: { tenantId: string; userId: string },
): Promise<StoredBrowserSession[]> {
  const rows = await db
    .selectFrom('browser_sessions')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .orderBy('created_at', 'desc')
    .orderBy('id_hash')
    .execute();
  return rows.map(toBrowserSession);
}

export async function touchBrowserSession(db: Database, ref: BrowserSessionRef, now: number): Promise<void> {
  await db
    .updateTable('browser_sessions')
    .set({ last_seen_at: now })
    .where('tenant_id', '=', ref.tenantId)
    .where('id_hash', '=', ref.idHash)
    .execute();
}

/** What it was; null when there was none. */
export async function deleteBrowserSession(db: Database, ref: BrowserSessionRef): Promise<StoredBrowserSession | null> {
  const row = await db
    .deleteFrom('browser_sessions')
    .where('tenant_id', '=', ref.tenantId)
    .where('id_hash', '=', ref.idHash)
    .returningAll()
    .executeTakeFirst();
  return row ? toBrowserSession(row) : null;
}

/** How many there were. */
export async function deleteBrowserSessionsOfUser(
  db: Database,
  { tenantId, userId }: { tenantId: string; userId: string },
): Promise<number> {
  const rows = await db
    .deleteFrom('browser_sessions')
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .returning('id_hash')
    .execute();
  return rows.length;
}

/** Ends what the provider calls one session, or with `userId` all that the user opened through the provider. */
export async function deleteBrowserSessionsOfProvider(
  db: Database,
  ref: { tenantId: string; provider: string } & ({ providerSession: string } | { userId: string }),
): Promise<StoredBrowserSession[]> {
  const rows = await db
    .deleteFrom('browser_sessions')
    .where('tenant_id', '=', ref.tenantId)
    .where('provider', '=', ref.provider)
    .where('userId' in ref ? 'user_id' : 'provider_session', '=', 'userId' in ref ? ref.userId : ref.providerSession)
    .returningAll()
    .execute();
  return rows.map(toBrowserSession);
}

/** Forgets sessions that ended by now, or were not seen since `seenAfter`. */
export async function deleteEndedBrowserSessions(
  db: Database,
  { now, seenAfter }: { now: number; seenAfter: number },
): Promise<void> {
  await db
    .deleteFrom('browser_sessions')
    .where((eb) => eb.or([eb('expires_at', '<=', now), eb('last_seen_at', '<', seenAfter)]))
    .execute();
}

function toBrowserSession(row: Selectable<Tables['browser_sessions']>): StoredBrowserSession {
  return {
    tenantId: row.tenant_id,
    idHash: row.id_hash,
    userId: row.user_id,
    methods: JSON.parse(row.methods) as string[],
    address: row.address,
    userAgent: row.user_agent,
    provider: row.provider,
    providerSession: row.provider_session,
    logoutHint: row.logout_hint,
    epoch: row.epoch,
    createdAt: Number(row.created_at),
    authenticatedAt: Number(row.authenticated_at),
    lastSeenAt: Number(row.last_seen_at),
    expiresAt: Number(row.expires_at),
  };
}
