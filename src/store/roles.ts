import type { Selectable } from 'kysely';
import type { Role, RoleRule } from '../model/role.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** A role of the database. Built-in roles and those of the configuration file are not here. */
export interface StoredRole extends Role {
  readonly tenantId: string;
  /** Grows with every change; the ETag. */
  readonly version: number;
  /** Milliseconds since the epoch, here and below. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface RolePatch {
  readonly description?: string | undefined;
  readonly allow?: readonly RoleRule[] | undefined;
  readonly deny?: readonly RoleRule[] | undefined;
}

export interface RoleName {
  readonly tenantId: string;
  readonly name: string;
}

/** Throws `conflict` when the name is taken. */
export async function insertRole(
  db: Database,
  role: Role & { readonly tenantId: string; readonly createdAt: number },
): Promise<StoredRole> {
  const row = await db
    .insertInto('roles')
    .values({
      tenant_id: role.tenantId,
      name: role.name,
      description: role.description,
      allow: JSON.stringify(role.allow),
      deny: JSON.stringify(role.deny),
      version: 1,
      created_at: role.createdAt,
      updated_at: role.createdAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  return toRole(row);
}

export async function findRole(db: Database, ref: RoleName): Promise<StoredRole | null> {
  const row = await db
    .selectFrom('roles')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('name', '=', ref.name)
    .executeTakeFirst();
  return row ? toRole(row) : null;
}

/** In order of name; the cursor is a name. */
export async function listRoles(db: Database, page: PageRequest): Promise<Page<StoredRole>> {
  const rows = await db
    .selectFrom('roles')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('name', '>', page.after ?? '')
    .orderBy('name')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toRole, (role) => role.name);
}

/** Every role of a tenant, for compiling the policy. */
export async function allRoles(db: Database, tenantId: string): Promise<StoredRole[]> {
  const rows = await db.selectFrom('roles').selectAll().where('tenant_id', '=', tenantId).orderBy('name').execute();
  return rows.map(toRole);
}

/** Null when there is no such role or it no longer has `expectedVersion`. A role keeps its name. */
export async function updateRole(
  db: Database,
  ref: RoleName,
  expectedVersion: number,
  patch: RolePatch,
  now: number = Date.now(),
): Promise<StoredRole | null> {
  const row = await db
    .updateTable('roles')
    .set({
      ...(patch.description === undefined ? {} : { description: patch.description }),
      ...(patch.allow === undefined ? {} : { allow: JSON.stringify(patch.allow) }),
      ...(patch.deny === undefined ? {} : { deny: JSON.stringify(patch.deny) }),
      version: expectedVersion + 1,
      updated_at: now,
    })
    .where('tenant_id', '=', ref.tenantId)
    .where('name', '=', ref.name)
    .where('version', '=', expectedVersion)
    .returningAll()
    .executeTakeFirst();
  return row ? toRole(row) : null;
}

/**
 * Removes a role with its assignments to users, groups and service accounts. False when there is no such role.
 *
 * Assignments to access keys stay: a key without any role of its own is limited by nothing but its principal's roles, so
 * taking away the last one would widen it. A role that is gone allows nothing, which is what such a key may then do.
 */
export async function deleteRole(db: Database, ref: RoleName): Promise<boolean> {
  return transact(db, async (trx) => {
    const removed = await trx
      .deleteFrom('roles')
      .where('tenant_id', '=', ref.tenantId)
      .where('name', '=', ref.name)
      .returning('name')
      .executeTakeFirst();
    if (!removed) return false;
    await trx
      .deleteFrom('role_assignments')
      .where('tenant_id', '=', ref.tenantId)
      .where('role', '=', ref.name)
      .where('subject_kind', '!=', 'access_key')
      .execute();
    return true;
  });
}

function toRole(row: Selectable<Tables['roles']>): StoredRole {
  return {
    tenantId: row.tenant_id,
    name: row.name,
    description: row.description,
    allow: JSON.parse(row.allow) as RoleRule[],
    deny: JSON.parse(row.deny) as RoleRule[],
    version: row.version,
    createdAt: Number(row.created_at),
    updatedAt: Number(row.updated_at),
  };
}
