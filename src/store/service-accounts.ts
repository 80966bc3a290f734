import type { Selectable } from 'kysely';
import { nameKey } from './name-key.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import { removePrincipalRows } from './remove-principal-rows.ts';
import type { Database, PrincipalStatus, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** A machine that calls on its own behalf. */
export interface ServiceAccount {
  readonly tenantId: string;
  /** `sva_…` */
  readonly id: string;
  /** Unique in the tenant, whatever its case. */
  readonly name: string;
  readonly description: string;
  readonly status: PrincipalStatus;
  /** Grows when everything issued to the account so far must stop working. */
  readonly epoch: number;
  /** Grows with every change; the ETag. */
  readonly version: number;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface NewServiceAccount {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly createdAt: number;
}

export interface ServiceAccountPatch {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly status?: PrincipalStatus | undefined;
}

export interface ServiceAccountRef {
  readonly tenantId: string;
  readonly id: string;
}

/** Adds an active account. Throws `conflict` when the name is taken. */
export async function insertServiceAccount(db: Database, account: NewServiceAccount): Promise<ServiceAccount> {
  const row = await db
    .insertInto('service_accounts')
    .values({
      tenant_id: account.tenantId,
      id: account.id,
      name: account.name,
      name_key: nameKey(account.name),
      description: account.description,
      status: 'active',
      epoch: 1,
      version: 1,
      created_at: account.createdAt,
      updated_at: account.createdAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toServiceAccount(row);
}

export async function findServiceAccount(db: Database, ref: ServiceAccountRef): Promise<ServiceAccount | null> {
  const row = await db
    .selectFrom('service_accounts')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .executeTakeFirst();
  return row ? toServiceAccount(row) : null;
}

/** By name, whatever its case. */
export async function findServiceAccountByName(
  db: Database,
  { tenantId, name }: { tenantId: string; name: string },
): Promise<ServiceAccount | null> {
  const row = await db
    .selectFrom('service_accounts')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('name_key', '=', nameKey(name))
    .executeTakeFirst();
  return row ? toServiceAccount(row) : null;
}

/** In order of id, which is the order of creation. */
export async function listServiceAccounts(db: Database, page: PageRequest): Promise<Page<ServiceAccount>> {
  const rows = await db
    .selectFrom('service_accounts')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('id', '>', page.after ?? '')
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toServiceAccount, (account) => account.id);
}

/**
 * Changes a service account; disabling also raises the epoch. Null when there is no such account or it no longer has
 * `expectedVersion`. Throws `conflict` when the new name is taken.
 */
export async function updateServiceAccount(
  db: Database,
  ref: ServiceAccountRef,
  expectedVersion: number,
  patch: ServiceAccountPatch,
  now: number = Date.now(),
): Promise<ServiceAccount | null> {
  const row = await db
    .updateTable('service_accounts')
    .set((eb) => ({
      ...(patch.name === undefined ? {} : { name: patch.name, name_key: nameKey(patch.name) }),
      ...(patch.description === undefined ? {} : { description: patch.description }),
      ...(patch.status === undefined ? {} : { status: patch.status }),
      ...(patch.status === 'disabled' ? { epoch: eb('epoch', '+', 1) } : {}),
      version: expectedVersion + 1,
      updated_at: now,
    }))
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .where('version', '=', expectedVersion)
    .returningAll()
    .executeTakeFirst();
  return row ? toServiceAccount(row) : null;
}

/**
 * Removes a service account with everything that is its own: access keys, role assignments and secrets. False
 * when there is no such account.
 */
export async function deleteServiceAccount(db: Database, ref: ServiceAccountRef): Promise<boolean> {
  return transact(db, async (trx) => {
    await removePrincipalRows(trx, { tenantId: ref.tenantId, kind: 'service_account', id: ref.id });
    const removed = await trx
      .deleteFrom('service_accounts')
      .where('tenant_id', '=', ref.tenantId)
      .where('id', '=', ref.id)
      .returning('id')
      .executeTakeFirst();
    return removed !== undefined;
  });
}

function toServiceAccount(row: Selectable<Tables['service_accounts']>): ServiceAccount {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    name: row.name,
    description: row.description,
    status: row.status,
    epoch: row.epoch,
    version: row.version,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
