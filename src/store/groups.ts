import type { Selectable } from 'kysely';
import { nameKey } from './name-key.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** A set of users that roles can be assigned to. */
export interface Group {
  readonly tenantId: string;
  /** `grp_…` */
  readonly id: string;
  /** Unique in the tenant, whatever its case. */
  readonly name: string;
  readonly description: string;
  /** Grows with every change of the group itself (not of its members); the ETag. */
  readonly version: number;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface NewGroup {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly createdAt: number;
}

export interface GroupPatch {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
}

export interface GroupRef {
  readonly tenantId: string;
  readonly id: string;
}

/** Throws `conflict` when the name is taken. */
export async function insertGroup(db: Database, group: NewGroup): Promise<Group> {
  const row = await db
    .insertInto('groups')
    .values({
      tenant_id: group.tenantId,
      id: group.id,
      name: group.name,
      name_key: nameKey(group.name),
      description: group.description,
      version: 1,
      created_at: group.createdAt,
      updated_at: group.createdAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toGroup(row);
}

export async function findGroup(db: Database, ref: GroupRef): Promise<Group | null> {
  const row = await db
    .selectFrom('groups')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .executeTakeFirst();
  return row ? toGroup(row) : null;
}

/** By name, whatever its case. */
export async function findGroupByName(
  db: Database,
  { tenantId, name }: { tenantId: string; name: string },
): Promise<Group | null> {
  const row = await db
    .selectFrom('groups')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('name_key', '=', nameKey(name))
    .executeTakeFirst();
  return row ? toGroup(row) : null;
}

/** In order of id, which is the order of creation. */
export async function listGroups(db: Database, page: PageRequest): Promise<Page<Group>> {
  const rows = await db
    .selectFrom('groups')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('id', '>', page.after ?? '')
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toGroup, (group) => group.id);
}

/**
 * Null when there is no such group or it no longer has `expectedVersion`. Throws `conflict` when the new name is taken.
 */
export async function updateGroup(
  db: Database,
  ref: GroupRef,
  expectedVersion: number,
  patch: GroupPatch,
  now: number = Date.now(),
): Promise<Group | null> {
  const row = await db
    .updateTable('groups')
    .set({
      ...(patch.name === undefined ? {} : { name: patch.name, name_key: nameKey(patch.name) }),
      ...(patch.description === undefined ? {} : { description: patch.description }),
      version: expectedVersion + 1,
      updated_at: now,
    })
    .where('tenant_id', '=', ref.tenantId)
    .where('id', '=', ref.id)
    .where('version', '=', expectedVersion)
    .returningAll()
    .executeTakeFirst();
  return row ? toGroup(row) : null;
}

/** Removes a group with its memberships and role assignments. False when there is no such group. */
export async function deleteGroup(db: Database, ref: GroupRef): Promise<boolean> {
  return transact(db, async (trx) => {
    await trx
      .deleteFrom('role_assignments')
      .where('tenant_id', '=', ref.tenantId)
      .where('subject_kind', '=', 'group')
      .where('subject_id', '=', ref.id)
      .execute();
    const removed = await trx
      .deleteFrom('groups')
      .where('tenant_id', '=', ref.tenantId)
      .where('id', '=', ref.id)
      .returning('id')
      .executeTakeFirst();
    return removed !== undefined;
  });
}

export function toGroup(row: Selectable<Tables['groups']>): Group {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    name: row.name,
    description: row.description,
    version: row.version,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
