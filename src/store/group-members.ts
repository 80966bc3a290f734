import { AppError } from '../errors/app-error.ts';
import { findGroup, type Group, toGroup } from './groups.ts';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database } from './tables.ts';
import { transact } from './transact.ts';
import { findUser, toUser, type User } from './users.ts';

export interface Membership {
  readonly tenantId: string;
  readonly groupId: string;
  readonly userId: string;
}

/** True when the user was not a member yet. Throws `not_found` when the group or the user is not in the tenant. */
export async function addGroupMember(db: Database, member: Membership, now: number = Date.now()): Promise<boolean> {
  const { tenantId, groupId, userId } = member;
  return transact(db, async (trx) => {
    if (!(await findGroup(trx, { tenantId, id: groupId }))) throw new AppError('not_found', 'There is no such group.');
    if (!(await findUser(trx, { tenantId, id: userId }))) throw new AppError('not_found', 'There is no such user.');
    const added = await trx
      .insertInto('group_members')
      .values({ tenant_id: tenantId, group_id: groupId, user_id: userId, created_at: now })
      .onConflict((conflict) => conflict.doNothing())
      .returning('user_id')
      .executeTakeFirst();
    return added !== undefined;
  });
}

/** False when the user was not a member. */
export async function removeGroupMember(db: Database, member: Membership): Promise<boolean> {
  const removed = await db
    .deleteFrom('group_members')
    .where('tenant_id', '=', member.tenantId)
    .where('group_id', '=', member.groupId)
    .where('user_id', '=', member.userId)
    .returning('user_id')
    .executeTakeFirst();
  return removed !== undefined;
}

/** The members of a group in order of their id. */
export async function listGroupMembers(db: Database, page: PageRequest & { groupId: string }): Promise<Page<User>> {
  const rows = await db
    .selectFrom('group_members')
    .innerJoin('users', (join) =>
      join.onRef('users.tenant_id', '=', 'group_members.tenant_id').onRef('users.id', '=', 'group_members.user_id'),
    )
    .selectAll('users')
    .where('group_members.tenant_id', '=', page.tenantId)
    .where('group_members.group_id', '=', page.groupId)
    .where('group_members.user_id', '>', page.after ?? '')
    .orderBy('group_members.user_id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toUser, (user) => user.id);
}

/** The groups that a user is in, in order of their id. */
export async function listGroupsOfUser(db: Database, page: PageRequest & { userId: string }): Promise<Page<Group>> {
  const rows = await db
    .selectFrom('group_members')
    .innerJoin('groups', (join) =>
      join.onRef('groups.tenant_id', '=', 'group_members.tenant_id').onRef('groups.id', '=', 'group_members.group_id'),
    )
    .selectAll('groups')
    .where('group_members.tenant_id', '=', page.tenantId)
    .where('group_members.user_id', '=', page.userId)
    .where('group_members.group_id', '>', page.after ?? '')
    .orderBy('group_members.group_id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toGroup, (group) => group.id);
}
