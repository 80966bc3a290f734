import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import type { Database } from '../store/database.ts';
import { addGroupMember, removeGroupMember } from '../store/group-members.ts';
import { findGroupByName, insertGroup } from '../store/groups.ts';
import { assignRole, unassignRole } from '../store/role-assignments.ts';
import { transact } from '../store/transact.ts';
import type { Given } from './claim-rules.ts';

export interface AppliedGiven {
  /** What to remember, and to pass as `before` the next time. */
  readonly given: Given;
  /** Whether the user has other roles or groups than before. */
  readonly changed: boolean;
}

/** Makes sure that the groups exist; call it before a transaction that gives them. */
export async function ensureGroups(
  db: Database,
  tenantId: string,
  names: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  for (const name of names) ids.set(name, await groupId(db, tenantId, name, now));
  return ids;
}

async function groupId(db: Database, tenantId: string, name: string, now: number): Promise<string> {
  const known = await findGroupByName(db, { tenantId, name });
  if (known !== null) return known.id;
  const id = newId('grp', now);
  const description = 'Made for a rule of an identity provider.';
  try {
    return (await insertGroup(db, { tenantId, id, name, description, createdAt: now })).id;
  } catch (error) {
    // Somebody else who signs in needed it at the same moment.
    const made =
      error instanceof AppError && error.code === 'conflict' ? await findGroupByName(db, { tenantId, name }) : null;
    if (made === null) throw error;
    return made.id;
  }
}

/**
 * Gives a user what the rules say, and takes away what they said the last time (`before`) and no longer do. What somebody
 * else gave stays: it is never remembered as given by a rule, also when a rule gives the same.
 */
export async function applyGiven(
  db: Database,
  { tenantId, userId, before, after }: { tenantId: string; userId: string; before: Given; after: Given },
  groups: ReadonlyMap<string, string>,
  now: number,
): Promise<AppliedGiven> {
  const subject = { kind: 'user', id: userId } as const;
  return transact(db, async (trx) => {
    const added: { roles: string[]; groups: string[] } = { roles: [], groups: [] };
    let changed = false;
    for (const role of after.roles) {
      const isNew = await assignRole(trx, { tenantId, role, subject }, now);
      changed ||= isNew;
      if (isNew || before.roles.includes(role)) added.roles.push(role);
    }
    for (const name of after.groups) {
      const isNew = await addGroupMember(trx, { tenantId, groupId: groups.get(name)!, userId }, now);
      changed ||= isNew;
      if (isNew || before.groups.includes(name)) added.groups.push(name);
    }
    for (const role of before.roles) {
      if (!after.roles.includes(role)) changed = (await unassignRole(trx, { tenantId, role, subject })) || changed;
    }
    for (const name of before.groups) {
      if (after.groups.includes(name)) continue;
      const group = await findGroupByName(trx, { tenantId, name });
      if (group === null) continue;
      changed = (await removeGroupMember(trx, { tenantId, groupId: group.id, userId })) || changed;
    }
    return { given: added, changed };
  });
}
