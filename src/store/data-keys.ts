import type { Selectable } from 'kysely';
import type { Database, Tables } from './tables.ts';

/** A key that encrypts a tenant's secrets, itself encrypted ("wrapped") under the master key. */
export interface StoredDataKey {
  readonly tenantId: string;
  readonly id: string;
  readonly wrapped: string;
  readonly masterKeyId: string;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  /** From then on nothing new is encrypted under it. */
  readonly retiredAt: number | null;
}

export interface DataKeyRef {
  readonly tenantId: string;
  readonly id: string;
}

/** Throws `conflict` when the id is taken or the tenant does not exist. */
export async function insertDataKey(db: Database, key: Omit<StoredDataKey, 'retiredAt'>): Promise<StoredDataKey> {
  const row = await db
    .insertInto('data_keys')
    .values({
      tenant_id: key.tenantId,
      id: key.id,
      wrapped: key.wrapped,
      master_key_id: key.masterKeyId,
      created_at: key.createdAt,
      retired_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toDataKey(row);
}

export async function findDataKey(db: Database, ref: DataKeyRef): Promise<StoredDataKey | null> {
  const row = await db
    .selectFrom('data_keys')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .executeTakeFirst();
  return row ? toDataKey(row) : null;
}

/** Every data key of a tenant, or of all tenants, oldest first. There are few: one more per rotation. */
export async function listDataKeys(
  db: Database,
  { tenantId }: { readonly tenantId?: string | undefined } = {},
): Promise<StoredDataKey[]> {
  const rows = await db
    .selectFrom('data_keys')
    .selectAll()
    .$if(tenantId !== undefined, (query) => query.where('tenant_id', '=', tenantId!))
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(toDataKey);
}

/** Stores the key wrapped under another master key. Null when it is not (any more) wrapped under `expectedMasterKeyId`. */
export async function rewrapDataKey(
  db: Database,
  ref: DataKeyRef,
  expectedMasterKeyId: string,
  next: { readonly wrapped: string; readonly masterKeyId: string },
): Promise<StoredDataKey | null> {
  const row = await db
    .updateTable('data_keys')
    .set({ wrapped: next.wrapped, master_key_id: next.masterKeyId })
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .where('master_key_id', '=', expectedMasterKeyId)
    .returningAll()
    .executeTakeFirst();
  return row ? toDataKey(row) : null;
}

/** False when there is no such key or it is retired already. */
export async function retireDataKey(db: Database, ref: DataKeyRef, now: number = Date.now()): Promise<boolean> {
  const retired = await db
    .updateTable('data_keys')
    .set({ retired_at: now })
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .where('retired_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return retired !== undefined;
}

/** False when there is no such key. Throws `conflict` while a secret is still encrypted under it. */
export async function deleteDataKey(db: Database, ref: DataKeyRef): Promise<boolean> {
  const removed = await db
    .deleteFrom('data_keys')
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .returning('id')
    .executeTakeFirst();
  return removed !== undefined;
}

function toDataKey(row: Selectable<Tables['data_keys']>): StoredDataKey {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    wrapped: row.wrapped,
    masterKeyId: row.master_key_id,
    createdAt: Number(row.created_at),
    retiredAt: row.retired_at === null ? null : Number(row.retired_at),
  };
}
