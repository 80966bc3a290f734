import { AppError } from '../errors/app-error.ts';
import { reaches } from '../model/admin-level.ts';
import type { Caller, PrincipalKind } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { listGroupMembers } from '../store/group-members.ts';
import { findGroup } from '../store/groups.ts';
import { listRoleAssignments, rolesOfPrincipal } from '../store/role-assignments.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import { putSetting } from '../store/settings.ts';
import { transact } from '../store/transact.ts';
import { findUser } from '../store/users.ts';
import { type EndedCredentials, endLesserCredentials, type Risen } from '../tokens/end-lesser-credentials.ts';
import type { Who } from './audited.ts';
import { adminLevel, requireOwner } from './authorize.ts';
import { announceEnded } from './end-of-lesser.ts';
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
  /** Whoever administers, by id. */
  readonly levels: ReadonlyMap<string, Pick<Risen, 'kind' | 'id' | 'level'>>;
}

/** What a change came to. */
export interface Guarded<T> {
  readonly result: T;
  /** Credentials of those who administer more than before; ended and told already. */
  readonly ended: readonly EndedCredentials[];
}

const LOCK = 'admin.ownership';

/**
 * Runs a change of principals, groups or assignments in one transaction, and takes it back when it changed who is an
 * owner without an owner asking for it (`owner_required`), or left nobody who is one (`conflict`). It compares the state
 * before and after, so no way of becoming or ceasing to be an owner can be forgotten: by assignment, through a group,
 * by being disabled, removed or renamed.
 *
 * Who comes to administer more than before loses the credentials that were made for them by somebody who does not.
 */
export async function guardOwnership<T>(request: Who, work: (trx: Database) => Promise<T>): Promise<Guarded<T>> {
  const { context, caller } = request;
  const { tenantId } = caller;
  const guarded = await transact(context.db, async (trx) => {
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
    const ended: EndedCredentials[] = [];
    for (const risen of after.levels.values()) {
      if (reaches(before.levels.get(risen.id)?.level ?? 'none', risen.level)) continue;
      const one = await endLesserCredentials(trx, { tenantId, ...risen });
      if (one !== null) ended.push(one);
    }
    return { result, ended };
  });
  await announceEnded(request, guarded.ended);
  return guarded;
}

async function ownershipOf(db: Database, tenantId: string): Promise<Ownership> {
  const facts = new Set<string>();
  const levels = new Map<string, Pick<Risen, 'kind' | 'id' | 'level'>>();
  // Owners last: whoever is both is an owner.
  for (const level of ['admin', 'owner'] as const) {
    const assignments = await everything((page) => listRoleAssignments(db, { tenantId, role: level, ...page }));
    for (const { subject } of assignments) {
      const { kind, id } = subject;
      // On a key the role only narrows.
      if (kind === 'access_key') continue;
      if (level === 'owner') facts.add(`${kind} ${id}`);
      if (kind !== 'group') {
        levels.set(id, { kind, id, level });
        continue;
      }
      if (level === 'owner') facts.add(`${id} is called ${(await findGroup(db, { tenantId, id }))?.name}`);
      const members = await everything((page) => listGroupMembers(db, { tenantId, groupId: id, ...page }));
      for (const member of members) levels.set(member.id, { kind: 'user', id: member.id, level });
    }
  }
  let active = 0;
  for (const { kind, id, level } of levels.values()) {
    if (level !== 'owner') continue;
    const found = await (kind === 'user' ? findUser(db, { tenantId, id }) : findServiceAccount(db, { tenantId, id }));
    facts.add(`${id} is ${found?.status} and called ${found?.name}`);
    if (found?.status === 'active') active++;
  }
  return { fingerprint: [...facts].sort().join('\n'), active, levels };
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
