import type { Selectable } from 'kysely';
import { nameKey } from './name-key.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import { removePrincipalRows } from './remove-principal-rows.ts';
import type { Database, PrincipalStatus, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** A person. */
export interface User {
  readonly tenantId: string;
  /** `usr_…` */
  readonly id: string;
  /** Login: an e-mail address or a handle; unique in the tenant, whatever its case. */
  readonly name: string;
  readonly displayName: string;
  readonly status: PrincipalStatus;
  /** Grows when everything issued to the user so far must stop working. */
  readonly epoch: number;
  /** Grows with every change; the ETag. */
  readonly version: number;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface NewUser {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly displayName: string;
  readonly createdAt: number;
}

export interface UserPatch {
  readonly name?: string | undefined;
  readonly displayName?: string | undefined;
  readonly status?: PrincipalStatus | undefined;
}

export interface UserRef {
  readonly tenantId: string;
  readonly id: string;
}

/** Adds an active user. Throws `conflict` when the name is taken. */
export async function insertUser(db: Database, user: NewUser): Promise<User> {
  const row = await db
    .insertInto('users')
    .values({
      tenant_id: user.tenantId,
      id: user.id,
      name: user.name,
      name_key: nameKey(user.name),
      display_name: user.displayName,
      status: 'active',
      epoch: 1,
      version: 1,
      created_at: user.createdAt,
      updated_at: user.createdAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toUser(row);
}

export async function findUser(db: Database, ref: UserRef): Promise<User | null> {
  const row = await db
    .selectFrom('users')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .executeTakeFirst();
  return row ? toUser(row) : null;
}

/** By login, whatever its case. */
export async function findUserByName(
  db: Database,
  { tenantId, name }: { tenantId: string; name: string },
): Promise<User | null> {
  const row = await db
    .selectFrom('users')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('name_key', '=', nameKey(name))
    .executeTakeFirst();
  return row ? toUser(row) : null;
}

/** In order of id, which is the order of creation. */
export async function listUsers(db: Database, page: PageRequest): Promise<Page<User>> {
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('id', '>', page.after ?? '')
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toUser, (user) => user.id);
}

/**
 * Changes a user; disabling also raises the epoch. Null when there is no such user or it no longer has
 * `expectedVersion`. Throws `conflict` when the new name is taken.
 */
export async function updateUser(
  db: Database,
  ref: UserRef,
  expectedVersion: number,
  patch: UserPatch,
  now: number = Date.now(),
): Promise<User | null> {
  const row = await db
    .updateTable('users')
    .set((eb) => ({
      ...(patch.name === undefined ? {} : { name: patch.name, name_key: nameKey(patch.name) }),
      ...(patch.displayName === undefined ? {} : { display_name: patch.displayName }),
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
  return row ? toUser(row) : null;
}

/**
 * Removes a user with everything that is theirs: access keys, role assignments, group memberships and secrets. False
 * when there is no such user.
 */
export async function deleteUser(db: Database, ref: UserRef): Promise<boolean> {
  return transact(db, async (trx) => {
    await removePrincipalRows(trx, { tenantId: ref.tenantId, kind: 'user', id: ref.id });
    const removed = await trx
      .deleteFrom('users')
      .where('tenant_id', '=', ref.tenantId)
      .where('id', '=', ref.id)
      .returning('id')
      .executeTakeFirst();
    return removed !== undefined;
  });
}

export function toUser(row: Selectable<Tables['users']>): User {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    name: row.name,
    displayName: row.display_name,
    status: row.status,
    epoch: row.epoch,
    version: row.version,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
