import type { Selectable } from 'kysely';
import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import type { PrincipalKind } from '../model/principal.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database, SubjectKind, Tables } from './tables.ts';
import { transact } from './transact.ts';

/** What a role can be assigned to. */
export interface Subject {
  readonly kind: SubjectKind;
  readonly id: string;
}

export interface RoleAssignment {
  readonly tenantId: string;
  /** `ras_…` */
  readonly id: string;
  readonly role: string;
  readonly subject: Subject;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface NewRoleAssignment {
  readonly tenantId: string;
  /** Not checked here: built-in roles and those of the configuration file have no row. */
  readonly role: string;
  readonly subject: Subject;
}

const SUBJECT_TABLES = {
  user: 'users',
  service_account: 'service_accounts',
  group: 'groups',
  access_key: 'access_keys',
} as const satisfies Record<SubjectKind, keyof Tables>;

/** True when the subject did not have the role yet. Throws `not_found` when the subject is not in the tenant. */
export async function assignRole(
  db: Database,
  { tenantId, role, subject }: NewRoleAssignment,
  now: number = Date.now(),
): Promise<boolean> {
  return transact(db, async (trx) => {
    const exists = await trx
      .selectFrom(SUBJECT_TABLES[subject.kind])
      .select('id')
      .where('tenant_id', '=', tenantId)
      .where('id', '=', subject.id)
      .executeTakeFirst();
    if (!exists) throw new AppError('not_found', `There is no such ${subject.kind.replace('_', ' ')}.`);
    return (await insertRolesOf(trx, { tenantId, subject, roles: [role] }, now)) > 0;
  });
}

/** False when the subject did not have the role. A key that loses its last role is limited by its principal's only. */
export async function unassignRole(db: Database, { tenantId, role, subject }: NewRoleAssignment): Promise<boolean> {
  const removed = await db
    .deleteFrom('role_assignments')
    .where('tenant_id', '=', tenantId)
    .where('subject_kind', '=', subject.kind)
    .where('subject_id', '=', subject.id)
    .where('role', '=', role)
    .returning('id')
    .executeTakeFirst();
  return removed !== undefined;
}

/** In order of id; all, or those of one role, of one subject, or both. */
export async function listRoleAssignments(
  db: Database,
  page: PageRequest & { readonly role?: string | undefined; readonly subject?: Subject | undefined },
): Promise<Page<RoleAssignment>> {
  const { role, subject } = page;
  const rows = await db
    .selectFrom('role_assignments')
    .selectAll()
    .where('tenant_id', '=', page.tenantId)
    .where('id', '>', page.after ?? '')
    .$if(role !== undefined, (query) => query.where('role', '=', role!))
    .$if(subject !== undefined, (query) =>
      query.where('subject_kind', '=', subject!.kind).where('subject_id', '=', subject!.id),
    )
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toRoleAssignment, (assignment) => assignment.id);
}

/** The roles assigned to the subject itself: sorted, unique. */
export async function rolesOfSubject(
  db: Database,
  { tenantId, subject }: { tenantId: string; subject: Subject },
): Promise<string[]> {
  const rows = await selectRoles(db, tenantId, subject).execute();
  return rows.map((row) => row.role).sort();
}

/** The roles of a principal, direct and through groups: sorted, unique. */
export async function rolesOfPrincipal(
  db: Database,
  { tenantId, kind, id }: { tenantId: string; kind: PrincipalKind; id: string },
): Promise<string[]> {
  const direct = selectRoles(db, tenantId, { kind, id });
  // Only users are members of groups.
  const rows = await (kind === 'user' ? direct.union(selectRolesThroughGroups(db, tenantId, id)) : direct).execute();
  return [...new Set(rows.map((row) => row.role))].sort();
}

export function selectRoles(db: Database, tenantId: string, subject: Subject) {
  return db
    .selectFrom('role_assignments')
    .select(['role', 'subject_kind'])
    .where('tenant_id', '=', tenantId)
    .where('subject_id', '=', subject.id)
    .where('subject_kind', '=', subject.kind);
}

/**
 * A cross join with conditions is an inner join whose order SQLite keeps (sqlite.org/lang_select.html). Left to choose, it
 * takes a tenant for more selective than a group and walks the role assignments of everybody: 30 times slower with 10,000.
 */
export function selectRolesThroughGroups(db: Database, tenantId: string, userId: string) {
  return db
    .selectFrom('group_members')
    .crossJoin('role_assignments')
    .select(['role_assignments.role', 'role_assignments.subject_kind'])
    .where('group_members.tenant_id', '=', tenantId)
    .where('group_members.user_id', '=', userId)
    .whereRef('role_assignments.tenant_id', '=', 'group_members.tenant_id')
    .whereRef('role_assignments.subject_id', '=', 'group_members.group_id')
    .where('role_assignments.subject_kind', '=', 'group');
}

/** Makes `roles` the roles of the subject itself. The caller has checked that the subject exists. */
export async function replaceRolesOf(
  db: Database,
  { tenantId, subject, roles }: { tenantId: string; subject: Subject; roles: readonly string[] },
  now: number = Date.now(),
): Promise<void> {
  await transact(db, async (trx) => {
    await trx
      .deleteFrom('role_assignments')
      .where('tenant_id', '=', tenantId)
      .where('subject_kind', '=', subject.kind)
      .where('subject_id', '=', subject.id)
      .$if(roles.length > 0, (query) => query.where('role', 'not in', roles))
      .execute();
    await insertRolesOf(trx, { tenantId, subject, roles }, now);
  });
}

/** How many of the roles are new to the subject. */
async function insertRolesOf(
  trx: Database,
  { tenantId, subject, roles }: { tenantId: string; subject: Subject; roles: readonly string[] },
  now: number,
): Promise<number> {
  if (roles.length === 0) return 0;
  const rows = roles.map((role) => ({
    tenant_id: tenantId,
    id: newId('ras', now),
    role,
    subject_kind: subject.kind,
    subject_id: subject.id,
    created_at: now,
  }));
  const added = await trx
    .insertInto('role_assignments')
    .values(rows)
    .onConflict((conflict) => conflict.columns(['tenant_id', 'subject_kind', 'subject_id', 'role']).doNothing())
    .returning('id')
    .execute();
  return added.length;
}

function toRoleAssignment(row: Selectable<Tables['role_assignments']>): RoleAssignment {
  return {
    tenantId: row.tenant_id,
    id: row.id,
    role: row.role,
    subject: { kind: row.subject_kind, id: row.subject_id },
    createdAt: Number(row.created_at),
  };
}
