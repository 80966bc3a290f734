import type { ExpressionBuilder, Selectable } from 'kysely';
import type { Database, Tables } from './tables.ts';

/** What a person allowed a client: remembered, so that the next sign-in with the same client need not ask again. */
export interface Consent extends ConsentRef {
  readonly scopes: readonly string[];
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
}

/**
 * The redirect host is part of it: a client that begins to send people elsewhere has to ask again (confused deputy,
 * MCP security best practices).
 */
export interface ConsentRef {
  readonly tenantId: string;
  readonly userId: string;
  readonly clientId: string;
  readonly redirectHost: string;
  /** The resource URL. */
  readonly resource: string;
}

/** Adds it or replaces an earlier one. Throws `not_found` or `conflict` when there is no such user. */
export async function putConsent(db: Database, consent: Consent): Promise<void> {
  const changing = {
    scopes: consent.scopes.join(' '),
    created_at: consent.createdAt,
    expires_at: consent.expiresAt,
  };
  await db
    .insertInto('consents')
    .values({
      tenant_id: consent.tenantId,
      user_id: consent.userId,
      client_id: consent.clientId,
      redirect_host: consent.redirectHost,
      resource: consent.resource,
      ...changing,
    })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'user_id', 'client_id', 'redirect_host', 'resource']).doUpdateSet(changing),
    )
    .execute();
}

/** Null when there is none, or it expired before `now`. */
export async function findConsent(db: Database, ref: ConsentRef, now: number): Promise<Consent | null> {
  const row = await db
    .selectFrom('consents')
    .selectAll()
    .where(isConsent(ref))
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .executeTakeFirst();
  return row ? toConsent(row) : null;
}

/** Newest first. */
export async function listConsentsOfUser(
  db: Database,
  { tenantId, userId }: { readonly tenantId: string; readonly userId: string },
): Promise<Consent[]> {
  const rows = await db
    .selectFrom('consents')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('user_id', '=', userId)
    .orderBy('created_at', 'desc')
    .orderBy('client_id')
    .execute();
  return rows.map(toConsent);
}

/** Forgets what one user, one client, or one user allowed one client. Returns how many there were. */
export async function deleteConsents(
  db: Database,
  of: { readonly tenantId: string; readonly userId?: string | undefined; readonly clientId?: string | undefined },
): Promise<number> {
  if (of.userId === undefined && of.clientId === undefined) throw new TypeError('Whose consents?');
  const removed = await db
    .deleteFrom('consents')
    .where('tenant_id', '=', of.tenantId)
    .$if(of.userId !== undefined, (query) => query.where('user_id', '=', of.userId!))
    .$if(of.clientId !== undefined, (query) => query.where('client_id', '=', of.clientId!))
    .returning('client_id')
    .execute();
  return removed.length;
}

function isConsent(ref: ConsentRef) {
  return (eb: ExpressionBuilder<Tables, 'consents'>) =>
    eb.and({
      tenant_id: ref.tenantId,
      user_id: ref.userId,
      client_id: ref.clientId,
      redirect_host: ref.redirectHost,
      resource: ref.resource,
    });
}

function toConsent(row: Selectable<Tables['consents']>): Consent {
  return {
    tenantId: row.tenant_id,
    userId: row.user_id,
    clientId: row.client_id,
    redirectHost: row.redirect_host,
    resource: row.resource,
    scopes: row.scopes.split(' ').filter(Boolean),
    createdAt: Number(row.created_at),
    expiresAt: row.expires_at === null ? null : Number(row.expires_at),
  };
}
