import type { Selectable } from 'kysely';
import type { JsonObject } from '../model/json.ts';
import { CONNECTION_TOKENS, endConnectionsOfUpstream } from './ending-connections.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** An upstream that was declared over the API. Those of the configuration file are not here. */
export interface StoredUpstream {
  readonly tenantId: string;
  readonly name: string;
  /** As it was declared, without name and `enabled`. Holds no secret. */
  readonly config: JsonObject;
  readonly enabled: boolean;
  /** Grows with every change; the ETag. */
  readonly version: number;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface NewUpstream {
  readonly tenantId: string;
  readonly name: string;
  readonly config: JsonObject;
  readonly enabled: boolean;
  readonly createdAt: number;
}

export interface UpstreamPatch {
  readonly config?: JsonObject | undefined;
  readonly enabled?: boolean | undefined;
}

export interface UpstreamName {
  readonly tenantId: string;
  readonly name: string;
}

/** Throws `conflict` when the name is taken. */
export async function insertUpstream(db: Database, upstream: NewUpstream): Promise<StoredUpstream> {
  const row = await db
    .insertInto('upstreams')
    .values({
      tenant_id: upstream.tenantId,
      name: upstream.name,
      config: JSON.stringify(upstream.config),
      enabled: upstream.enabled ? 1 : 0,
      version: 1,
      created_at: upstream.createdAt,
      updated_at: upstream.createdAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toUpstream(row);
}

export async function findUpstream(db: Database, ref: UpstreamName): Promise<StoredUpstream | null> {
  const row = await db
    .selectFrom('upstreams')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('name', '=', ref.name)
    .executeTakeFirst();
  return row ? toUpstream(row) : null;
}

/** In order of name; the cursor is a name. */
export async function listUpstreams(db: Database, page: PageRequest): Promise<Page<StoredUpstream>> {
  const rows = await db
    .selectFrom('upstreams')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('name', '>', page.after ?? '')
    .orderBy('name')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toUpstream, (upstream) => upstream.name);
}

/** Every upstream of a tenant, for the snapshot. */
export async function allUpstreams(db: Database, tenantId: string): Promise<StoredUpstream[]> {
  const rows = await db.selectFrom('upstreams').selectAll().where('tenant_id', '=', tenantId).orderBy('name').execute();
  return rows.map(toUpstream);
}

/** Null when there is no such upstream or it no longer has `expectedVersion`. An upstream keeps its name. */
export async function updateUpstream(
  db: Database,
  ref: UpstreamName,
  expectedVersion: number,
  patch: UpstreamPatch,
  now: number = Date.now(),
): Promise<StoredUpstream | null> {
  const row = await db
    .updateTable('upstreams')
    .set({
      ...(patch.config === undefined ? {} : { config: JSON.stringify(patch.config) }),
      ...(patch.enabled === undefined ? {} : { enabled: patch.enabled ? 1 : 0 }),
      version: expectedVersion + 1,
      updated_at: now,
    })
    .where('tenant_id', '=', ref.tenantId)
    .where('name', '=', ref.name)
    .where('version', '=', expectedVersion)
    .returningAll()
    .executeTakeFirst();
  return row ? toUpstream(row) : null;
}

/**
 * Removes an upstream with every secret stored for it, so that a later upstream of the same name, perhaps at another
 * address, is not sent them. Connections to it end; their tokens stay until they are queued to be revoked at the provider.
 * False when there is no such upstream.
 */
export async function deleteUpstream(db: Database, ref: UpstreamName): Promise<boolean> {
  return transact(db, async (trx) => {
    const removed = await trx
      .deleteFrom('upstreams')
      .where('tenant_id', '=', ref.tenantId)
      .where('name', '=', ref.name)
      .returning('name')
      .executeTakeFirst();
    if (!removed) return false;
    await trx
      .deleteFrom('secrets')
      .where('tenant_id', '=', ref.tenantId)
      .where('upstream', '=', ref.name)
      .where('name', '!=', CONNECTION_TOKENS)
      .execute();
    await endConnectionsOfUpstream(trx, { tenantId: ref.tenantId, upstream: ref.name });
    return true;
  });
}

function toUpstream(row: Selectable<Tables['upstreams']>): StoredUpstream {
  return {
    tenantId: row.tenant_id,
    name: row.name,
    config: JSON.parse(row.config) as JsonObject,
    enabled: row.enabled === 1,
    version: row.version,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
