import type { ExpressionBuilder, Selectable } from 'kysely';
import { type Maker, toMaker } from '../model/maker.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database, Tables } from './tables.ts';

/** In the configuration file, over the API, by itself, or by a document at its id. */
export type OauthClientSource = 'pre_registered' | 'added' | 'dynamic' | 'metadata_document';
export type OauthClientStatus = 'active' | 'pending' | 'revoked';

/** A client of the authorization server. */
export interface OauthClient {
  readonly tenantId: string;
  /** `client_id`: ours, or the URL of a client id metadata document. */
  readonly id: string;
  readonly source: OauthClientSource;
  /** As it calls itself. */
  readonly name: string;
  readonly status: OauthClientStatus;
  /** RFC 7591 §2, without secrets. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Where it was registered from, or first used from. */
  readonly address: string;
  /** Hex SHA-256 of the client secret. */
  readonly secretHash: string | null;
  /** Whom it acts for in the client credentials grant. */
  readonly serviceAccountId: string | null;
  /** Of a metadata document. */
  readonly etag: string | null;
  /** Grows with every change except `lastUsedAt` and `freshUntil`; the ETag. */
  readonly version: number;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly lastUsedAt: number | null;
  /** Until when a metadata document need not be fetched again. */
  readonly freshUntil: number | null;
  /** Of those that were added over the API. */
  readonly maker: Maker | null;
}

export interface OauthClientRef {
  readonly tenantId: string;
  readonly id: string;
}

export interface NewOauthClient extends OauthClientRef {
  readonly source: OauthClientSource;
  readonly name: string;
  readonly status: OauthClientStatus;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly address: string;
  readonly secretHash?: string | null;
  readonly serviceAccountId?: string | null;
  readonly etag?: string | null;
  readonly freshUntil?: number | null;
  readonly maker?: Maker | null;
}

/** Adds a client. Throws `conflict` when there is one with this id already. */
export async function insertOauthClient(db: Database, client: NewOauthClient, now: number): Promise<OauthClient> {
  const row = await db.insertInto('oauth_clients').values(toRow(client, now)).returningAll().executeTakeFirstOrThrow();
  return toOauthClient(row);
}

/**
 * Adds a client, or replaces what an existing one says about itself: for those whose description is kept elsewhere (the
 * configuration file, a metadata document). Who revoked or approved it, and where it came from first, stays.
 */
export async function putOauthClient(db: Database, client: NewOauthClient, now: number): Promise<OauthClient> {
  const { name, source, metadata, secret_hash, service_account_id, etag, fresh_until, ...first } = toRow(client, now);
  const changing = { name, source, metadata, secret_hash, service_account_id, etag, fresh_until };
  const row = await db
    .insertInto('oauth_clients')
    .values({ ...first, ...changing })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'id']).doUpdateSet((eb) => ({
        ...changing,
        version: eb('oauth_clients.version', '+', 1),
        updated_at: now,
      })),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
  return toOauthClient(row);
}

export async function findOauthClient(db: Database, ref: OauthClientRef): Promise<OauthClient | null> {
  const row = await db.selectFrom('oauth_clients').selectAll().where(isClient(ref)).executeTakeFirst();
  return row ? toOauthClient(row) : null;
}

/** In order of id: all, or those of one source or status. */
export async function listOauthClients(
  db: Database,
  page: PageRequest & {
    readonly source?: OauthClientSource | undefined;
    readonly status?: OauthClientStatus | undefined;
  },
): Promise<Page<OauthClient>> {
  const { source, status } = page;
  const rows = await db
    .selectFrom('oauth_clients')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('id', '>', page.after ?? '')
    .$if(source !== undefined, (query) => query.where('source', '=', source!))
    .$if(status !== undefined, (query) => query.where('status', '=', status!))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toOauthClient, (client) => client.id);
}

/** Those that were added over the API to act for a service account, and are not revoked. */
export async function listAddedClientsOf(
  db: Database,
  { tenantId, serviceAccountId }: { readonly tenantId: string; readonly serviceAccountId: string },
): Promise<OauthClient[]> {
  const rows = await db
    .selectFrom('oauth_clients')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('service_account_id', '=', serviceAccountId)
    .where('source', '=', 'added')
    .where('status', '!=', 'revoked')
    .execute();
  return rows.map(toOauthClient);
}

/** Null when there is no such client or it no longer has `expectedVersion`. */
export async function setOauthClientStatus(
  db: Database,
  ref: OauthClientRef,
  expectedVersion: number,
  status: OauthClientStatus,
  now: number,
): Promise<OauthClient | null> {
  const row = await db
    .updateTable('oauth_clients')
    .set({ status, version: expectedVersion + 1, updated_at: now })
    .where(isClient(ref))
    .where('version', '=', expectedVersion)
    .returningAll()
    .executeTakeFirst();
  return row ? toOauthClient(row) : null;
}

/** Notes that a metadata document need not be fetched again until then. */
export async function keepOauthClientFresh(db: Database, ref: OauthClientRef, freshUntil: number): Promise<void> {
  await db.updateTable('oauth_clients').set({ fresh_until: freshUntil }).where(isClient(ref)).execute();
}

/** Notes a use, unless one was noted less than `everyMs` ago. */
export async function touchOauthClient(db: Database, ref: OauthClientRef, now: number, everyMs: number): Promise<void> {
  await db
    .updateTable('oauth_clients')
    .set({ last_used_at: now })
    .where(isClient(ref))
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', now - everyMs)]))
    .execute();
}

/** Removes the client itself; its grants and consents are others'. False when there was none. */
export async function deleteOauthClient(db: Database, ref: OauthClientRef): Promise<boolean> {
  const removed = await db.deleteFrom('oauth_clients').where(isClient(ref)).returning('id').executeTakeFirst();
  return removed !== undefined;
}

/**
 * Forgets clients of a source that were not used since `unusedSince` and have no grant in force: one statement, so that
 * a client which is used or gets a grant at this moment stays. Revoked ones stay revoked. Returns their ids.
 */
export async function deleteUnusedOauthClients(
  db: Database,
  {
    tenantId,
    source,
    unusedSince,
  }: { readonly tenantId: string; readonly source: OauthClientSource; readonly unusedSince: number },
  now: number,
): Promise<string[]> {
  const removed = await db
    .deleteFrom('oauth_clients')
    .where('tenant_id', '=', tenantId)
    .where('source', '=', source)
    .where('status', '!=', 'revoked')
    .where('created_at', '<', unusedSince)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', unusedSince)]))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('oauth_grants')
            .select('oauth_grants.id')
            .whereRef('oauth_grants.tenant_id', '=', 'oauth_clients.tenant_id')
            .whereRef('oauth_grants.client_id', '=', 'oauth_clients.id')
            .where('oauth_grants.revoked_at', 'is', null)
            .where((eb) => eb.or([eb('oauth_grants.expires_at', 'is', null), eb('oauth_grants.expires_at', '>', now)])),
        ),
      ),
    )
    .returning('id')
    .execute();
  return removed.map(({ id }) => id);
}

function isClient(ref: OauthClientRef) {
  return (eb: ExpressionBuilder<Tables, 'oauth_clients'>) => eb.and({ tenant_id: ref.tenantId, id: ref.id });
}

function toRow(client: NewOauthClient, now: number) {
  return {
    tenant_id: client.tenantId,
    id: client.id,
    source: client.source,
    name: client.name,
    status: client.status,
    metadata: JSON.stringify(client.metadata),
    address: client.address,
    secret_hash: client.secretHash ?? null,
    service_account_id: client.serviceAccountId ?? null,
    etag: client.etag ?? null,
    version: 1,
    created_at: now,
    updated_at: now,
    last_used_at: null,
    fresh_until: client.freshUntil ?? null,
    created_by: client.maker?.id ?? null,
    created_as: client.maker?.level ?? null,
  };
}

function toOauthClient(row: Selectable<Tables['oauth_clients']>): OauthClient {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    source: row.source,
    name: row.name,
    status: row.status,
    metadata: JSON.parse(row.metadata),
    address: row.address,
    secretHash: row.secret_hash,
    serviceAccountId: row.service_account_id,
    etag: row.etag,
    version: row.version,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
    lastUsedAt: row.last_used_at === null ? null : Number(row.last_used_at),
    freshUntil: row.fresh_until === null ? null : Number(row.fresh_until),
    maker: toMaker(row.created_by, row.created_as),
  };
}
