import type { ExpressionBuilder, Selectable } from 'kysely';
import type { PrincipalKind } from '../model/principal.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database, Tables } from './tables.ts';

/** What a person allowed a client: tokens carry its id, and end with it. */
export interface OauthGrant {
  readonly tenantId: string;
  /** `grt_…` */
  readonly id: string;
  readonly clientId: string;
  readonly clientName: string;
  readonly principal: { readonly kind: PrincipalKind; readonly id: string };
  /** The resource URL that its tokens are for. */
  readonly resource: string;
  readonly scopes: readonly string[];
  readonly payload: Readonly<Record<string, unknown>>;
  /** Where it was given from. */
  readonly address: string;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly revokedReason: string | null;
}

export interface OauthGrantRef {
  readonly tenantId: string;
  readonly id: string;
}

export type NewOauthGrant = Omit<OauthGrant, 'lastUsedAt' | 'revokedAt' | 'revokedReason'>;

export async function insertOauthGrant(db: Database, grant: NewOauthGrant): Promise<void> {
  await db
    .insertInto('oauth_grants')
    .values({
      tenant_id: grant.tenantId,
      id: grant.id,
      client_id: grant.clientId,
      client_name: grant.clientName,
      principal_kind: grant.principal.kind,
      principal_id: grant.principal.id,
      resource: grant.resource,
      scopes: grant.scopes.join(' '),
      payload: JSON.stringify(grant.payload),
      address: grant.address,
      created_at: grant.createdAt,
      last_used_at: null,
      expires_at: grant.expiresAt,
      revoked_at: null,
      revoked_reason: null,
    })
    .execute();
}

/** Also revoked and expired ones. */
export async function findOauthGrant(db: Database, ref: OauthGrantRef): Promise<OauthGrant | null> {
  const row = await db.selectFrom('oauth_grants').selectAll().where(isGrant(ref)).executeTakeFirst();
  return row ? toOauthGrant(row) : null;
}

/** In order of id; all, or those of one principal, of one client, or both. Revoked and expired ones too. */
export async function listOauthGrants(
  db: Database,
  page: PageRequest & { readonly principalId?: string | undefined; readonly clientId?: string | undefined },
): Promise<Page<OauthGrant>> {
  const { principalId, clientId } = page;
  const rows = await db
    .selectFrom('oauth_grants')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('id', '>', page.after ?? '')
    .$if(principalId !== undefined, (query) => query.where('principal_id', '=', principalId!))
    .$if(clientId !== undefined, (query) => query.where('client_id', '=', clientId!))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toOauthGrant, (grant) => grant.id);
}

/** What was revoked at `since` or later, in every tenant: what other processes have to stop accepting tokens of. */
export async function listOauthGrantsRevokedSince(
  db: Database,
  since: number,
): Promise<{ readonly tenantId: string; readonly id: string; readonly revokedAt: number }[]> {
  const rows = await db
    .selectFrom('oauth_grants')
    .select(['tenant_id', 'id', 'revoked_at'])
    .where('revoked_at', '>=', since)
    .execute();
  return rows.map((row) => ({ tenantId: row.tenant_id, id: row.id, revokedAt: Number(row.revoked_at) }));
}

/** Null when there is none, or it was revoked. */
export async function updateOauthGrant(
  db: Database,
  ref: OauthGrantRef,
  patch: Pick<OauthGrant, 'resource' | 'scopes' | 'payload' | 'expiresAt'>,
): Promise<OauthGrant | null> {
  const row = await db
    .updateTable('oauth_grants')
    .set({
      resource: patch.resource,
      scopes: patch.scopes.join(' '),
      payload: JSON.stringify(patch.payload),
      expires_at: patch.expiresAt,
    })
    .where(isGrant(ref))
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  return row ? toOauthGrant(row) : null;
}

/** False when there is none, or it was revoked before. */
export async function revokeOauthGrant(
  db: Database,
  ref: OauthGrantRef,
  reason: string,
  now: number,
): Promise<boolean> {
  const revoked = await db
    .updateTable('oauth_grants')
    .set({ revoked_at: now, revoked_reason: reason })
    .where(isGrant(ref))
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return revoked !== undefined;
}

/** Notes a use, unless one was noted less than `everyMs` ago. */
export async function touchOauthGrant(db: Database, ref: OauthGrantRef, now: number, everyMs: number): Promise<void> {
  await db
    .updateTable('oauth_grants')
    .set({ last_used_at: now })
    .where(isGrant(ref))
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', now - everyMs)]))
    .execute();
}

/** How many grants of a client are in force. */
export async function countOauthGrantsOfClient(
  db: Database,
  { tenantId, clientId }: { readonly tenantId: string; readonly clientId: string },
  now: number,
): Promise<number> {
  const row = await db
    .selectFrom('oauth_grants')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('tenant_id', '=', tenantId)
    .where('client_id', '=', clientId)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Ids of the grants in force of one principal and client beyond the `keep` that were used or given last. */
export async function listSurplusOauthGrants(
  db: Database,
  of: { readonly tenantId: string; readonly clientId: string; readonly principalId: string; readonly keep: number },
  now: number,
): Promise<string[]> {
  const rows = await db
    .selectFrom('oauth_grants')
    .select('id')
    .where('tenant_id', '=', of.tenantId)
    .where('client_id', '=', of.clientId)
    .where('principal_id', '=', of.principalId)
    .where('revoked_at', 'is', null)
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .orderBy((eb) => eb.fn.coalesce('last_used_at', 'created_at'), 'desc')
    .orderBy('id', 'desc')
    .limit(100)
    .offset(of.keep)
    .execute();
  return rows.map(({ id }) => id);
}

/** Revokes every grant of a client, or of a principal, that is not revoked yet. Returns their ids. */
export async function revokeOauthGrantsOf(
  db: Database,
  of: { readonly tenantId: string } & ({ readonly clientId: string } | { readonly principalId: string }),
  reason: string,
  now: number,
): Promise<string[]> {
  const revoked = await db
    .updateTable('oauth_grants')
    .set({ revoked_at: now, revoked_reason: reason })
    .where('tenant_id', '=', of.tenantId)
    .where((eb) => ('clientId' in of ? eb('client_id', '=', of.clientId) : eb('principal_id', '=', of.principalId)))
    .where('revoked_at', 'is', null)
    .returning('id')
    .execute();
  return revoked.map(({ id }) => id);
}

/** Forgets, in every tenant, what was revoked or had expired before the given time. */
export async function deleteOauthGrantsEndedBefore(db: Database, time: number): Promise<void> {
  await db
    .deleteFrom('oauth_grants')
    .where((eb) => eb.or([eb('revoked_at', '<', time), eb('expires_at', '<', time)]))
    .execute();
}

function isGrant(ref: OauthGrantRef) {
  return (eb: ExpressionBuilder<Tables, 'oauth_grants'>) => eb.and({ tenant_id: ref.tenantId, id: ref.id });
}

function toOauthGrant(row: Selectable<Tables['oauth_grants']>): OauthGrant {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    clientId: row.client_id,
    clientName: row.client_name,
    principal: { kind: row.principal_kind, id: row.principal_id },
    resource: row.resource,
    scopes: row.scopes.split(' ').filter(Boolean),
    payload: JSON.parse(row.payload),
    address: row.address,
    createdAt: Number(row.created_at),
    lastUsedAt: row.last_used_at === null ? null : Number(row.last_used_at),
    expiresAt: row.expires_at === null ? null : Number(row.expires_at),
    revokedAt: row.revoked_at === null ? null : Number(row.revoked_at),
    revokedReason: row.revoked_reason,
  };
}
