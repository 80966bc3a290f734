import { AppError } from '../errors/app-error.ts';
import type { Caller, PrincipalKind } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { listGroupMembers } from '../store/group-members.ts';
import { findGroup } from '../store/groups.ts';
import { listRoleAssignments, rolesOfPrincipal } from '../store/role-assignments.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import { putSetting } from '../store/settings.ts';
import { transact } from '../store/transact.ts';
import { findUser } from '../store/users.ts';
import { adminLevel, requireOwner } from './authorize.ts';
import { everything } from './pagination.ts';

interface Ownership {
  /**
   * Everybody and everything that has the owner role, with the status of each principal: what only owners may change. Names
   * are part of it: the configuration file gives groups and service accounts by name to whom an identity provider or
   * another platform vouches for, and people are found by their address, so a new name can be a new way in.
   */
  readonly fingerprint: string;
  /** How many principals could act as an owner now. */
  readonly active: number;
}

const LOCK = 'admin.ownership';

/**
 * Runs a change of principals, groups or assignments in one transaction, and takes it back when it changed who is an
 * owner without an owner asking for it (`owner_required`), or left nobody who is one (`conflict`). It compares the state
 * before and after, so no way of becoming or ceasing to be an owner can be forgotten: by assignment, through a group,
 * by being disabled, removed or renamed.
 */
export async function guardOwnership<T>(db: Database, caller: Caller, work: (trx: Database) => Promise<T>): Promise<T> {
  const { tenantId } = caller;
  return transact(db, async (trx) => {
    // One such change at a time, also on engines that run transactions side by side: two owners could otherwise remove
    // one another, each seeing the other in place. The row is the lock.
    await putSetting(trx, { tenantId, key: LOCK }, '');
    const before = await ownershipOf(trx, tenantId);
    const result = await work(trx);
    const after = await ownershipOf(trx, tenantId);
    if (after.fingerprint !== before.fingerprint && adminLevel(caller) !== 'owner') {
      throw new AppError('owner_required', 'This changes who is an owner, which needs the owner role.');
    }
    if (before.active > 0 && after.active === 0) {
      throw new AppError('conflict', 'This would leave no active owner. Make somebody else an owner first.');
    }
    return result;
  });
}

async function ownershipOf(db: Database, tenantId: string): Promise<Ownership> {
  const assignments = await everything((page) => listRoleAssignments(db, { tenantId, role: 'owner', ...page }));
  const facts = new Set<string>();
  const principals = new Map<string, { kind: PrincipalKind; id: string }>();
  for (const { subject } of assignments) {
    // On a key the role only narrows.
    if (subject.kind === 'access_key') continue;
    facts.add(`${subject.kind} ${subject.id}`);
    if (subject.kind === 'group') {
      facts.add(`${subject.id} is called ${(await findGroup(db, { tenantId, id: subject.id }))?.name}`);
      for (const { id } of await everything((page) =>
        listGroupMembers(db, { tenantId, groupId: subject.id, ...page }),
      )) {
        principals.set(id, { kind: 'user', id });
      }
    } else principals.set(subject.id, { kind: subject.kind, id: subject.id });
  }
  let active = 0;
  for (const { kind, id } of principals.values()) {
    const found = await (kind === 'user' ? findUser(db, { tenantId, id }) : findServiceAccount(db, { tenantId, id }));
    facts.add(`${id} is ${found?.status} and called ${found?.name}`);
    if (found?.status === 'active') active++;
  }
  return { fingerprint: [...facts].sort().join('\n'), active };
}

/**
 * Throws `owner_required` unless the caller may have power over this principal: whoever can issue or widen a key of an
 * owner can act as one, so only owners may.
 */
export async function requirePowerOver(
  db: Database,
  caller: Caller,
  principal: { readonly kind: PrincipalKind; readonly id: string },
): Promise<void> {
  const roles = await rolesOfPrincipal(db, { tenantId: caller.tenantId, kind: principal.kind, id: principal.id });
  if (roles.includes('owner')) requireOwner(caller, 'Issuing or changing what belongs to an owner');
}
