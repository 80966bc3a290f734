import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import type { JsonObject } from '../model/json.ts';
import type { Database } from '../store/database.ts';
import { addGroupMember, removeGroupMember } from '../store/group-members.ts';
import { deleteGroup, findGroupByName, insertGroup, updateGroup } from '../store/groups.ts';
import { nameKey } from '../store/name-key.ts';
import { assignRole, unassignRole } from '../store/role-assignments.ts';
import { deleteRole, insertRole, updateRole } from '../store/roles.ts';
import {
  deleteServiceAccount,
  findServiceAccountByName,
  insertServiceAccount,
  updateServiceAccount,
} from '../store/service-accounts.ts';
import { deleteUpstream } from '../store/upstreams.ts';
import { deleteUser, findUserByName, insertUser, updateUser } from '../store/users.ts';
import { orStale } from './etag.ts';
import type { AssignmentState, StateDocument, StateKind, StoredGroup, StoredState } from './state-document.ts';
import { differingMembers, type PlannedChange, reconcile } from './state-plan.ts';
import { storedConfig, upstreamOf } from './upstream-view.ts';
import { createUpstream, replaceUpstream } from './write-upstream.ts';

const nameOf = (item: { readonly name: string }) => item.name;
const same = (name: string) => name;

/**
 * Everything that has to be done to get from the stored state to the document, in an order in which each step finds what
 * it refers to: what others need is created first and removed last.
 */
export function planState(stored: StoredState, document: StateDocument, tenantId: string): PlannedChange[] {
  const prune = (kind: StateKind) => document.prune?.[kind] === true;
  const now = Date.now();
  const changes = [
    ...planRoles(stored, document, prune('roles'), { tenantId, now }),
    ...planUsers(stored, document, prune('users'), { tenantId, now }),
    ...planServiceAccounts(stored, document, prune('serviceAccounts'), { tenantId, now }),
    ...planGroups(stored, document, prune('groups'), { tenantId, now }),
    ...planUpstreams(stored, document, prune('upstreams'), tenantId),
    ...planAssignments(stored, document, prune('roleAssignments'), tenantId),
  ];
  const removals = changes.filter((change) => change.action === 'remove').reverse();
  return [...changes.filter((change) => change.action !== 'remove'), ...removals];
}

interface Place {
  readonly tenantId: string;
  readonly now: number;
}

function planRoles(stored: StoredState, { roles }: StateDocument, prune: boolean, { tenantId, now }: Place) {
  return reconcile({
    kind: 'role',
    stored: stored.roles,
    wanted: roles,
    prune,
    nameOf,
    keyOf: same,
    differences: (old, role) => differingMembers(old, role, ['description', 'allow', 'deny']),
    create: (trx, role) => insertRole(trx, { ...role, tenantId, createdAt: now }),
    update: async (trx, old, role) => orStale(await updateRole(trx, old, old.version, role)),
    async remove(trx, old) {
      orStale(await updateRole(trx, old, old.version, {}));
      await deleteRole(trx, old);
    },
  });
}

function planUsers(stored: StoredState, { users }: StateDocument, prune: boolean, { tenantId, now }: Place) {
  return reconcile({
    kind: 'user',
    stored: stored.users,
    wanted: users,
    prune,
    nameOf,
    keyOf: nameKey,
    differences: (old, user) => differingMembers(old, user, ['displayName', 'status']),
    async create(trx, { name, displayName = '', status }) {
      const created = await insertUser(trx, { tenantId, id: newId('usr', now), name, displayName, createdAt: now });
      if (status === 'disabled') orStale(await updateUser(trx, created, created.version, { status }));
    },
    async update(trx, old, { displayName, status }) {
      const patch = { displayName, status: status === old.status ? undefined : status };
      orStale(await updateUser(trx, old, old.version, patch));
    },
    async remove(trx, old) {
      orStale(await updateUser(trx, old, old.version, {}));
      await deleteUser(trx, old);
    },
  });
}

function planServiceAccounts(stored: StoredState, document: StateDocument, prune: boolean, { tenantId, now }: Place) {
  return reconcile({
    kind: 'service_account',
    stored: stored.serviceAccounts,
    wanted: document.serviceAccounts,
    prune,
    nameOf,
    keyOf: nameKey,
    differences: (old, account) => differingMembers(old, account, ['description', 'status']),
    async create(trx, { name, description = '', status }) {
      const id = newId('sva', now);
      const created = await insertServiceAccount(trx, { tenantId, id, name, description, createdAt: now });
      if (status === 'disabled') orStale(await updateServiceAccount(trx, created, created.version, { status }));
    },
    async update(trx, old, { description, status }) {
      const patch = { description, status: status === old.status ? undefined : status };
      orStale(await updateServiceAccount(trx, old, old.version, patch));
    },
    async remove(trx, old) {
      orStale(await updateServiceAccount(trx, old, old.version, {}));
      await deleteServiceAccount(trx, old);
    },
  });
}

function planGroups(stored: StoredState, { groups }: StateDocument, prune: boolean, { tenantId, now }: Place) {
  return reconcile({
    kind: 'group',
    stored: stored.groups,
    wanted: groups,
    prune,
    nameOf,
    keyOf: nameKey,
    differences: groupDifferences,
    async create(trx, { name, description = '', members = [] }) {
      const { id } = await insertGroup(trx, { tenantId, id: newId('grp', now), name, description, createdAt: now });
      await setMembers(trx, { tenantId, id, members: [] }, members);
    },
    async update(trx, old, { description, members }) {
      orStale(await updateGroup(trx, old, old.version, { description }));
      if (members !== undefined) await setMembers(trx, old, members);
    },
    async remove(trx, old) {
      orStale(await updateGroup(trx, old, old.version, {}));
      await deleteGroup(trx, old);
    },
  });
}

type GroupState = NonNullable<StateDocument['groups']>[number];

function groupDifferences(old: StoredGroup, group: GroupState): JsonObject {
  const differing = differingMembers(old, group, ['description']);
  if (group.members === undefined) return differing;
  const { add, remove } = memberChanges(old.members, group.members);
  return add.length + remove.length === 0 ? differing : { ...differing, members: { add, remove } };
}

function memberChanges(from: readonly string[], to: readonly string[]): { add: string[]; remove: string[] } {
  const [before, after] = [new Set(from.map(nameKey)), new Set(to.map(nameKey))];
  return {
    add: to.filter((name) => !before.has(nameKey(name))),
    remove: from.filter((name) => !after.has(nameKey(name))),
  };
}

async function setMembers(
  trx: Database,
  { tenantId, id: groupId, members: from }: { tenantId: string; id: string; members: readonly string[] },
  to: readonly string[],
): Promise<void> {
  const { add, remove } = memberChanges(from, to);
  for (const name of add)
    await addGroupMember(trx, { tenantId, groupId, userId: (await userNamed(trx, tenantId, name)).id });
  for (const name of remove) {
    const user = await findUserByName(trx, { tenantId, name });
    if (user) await removeGroupMember(trx, { tenantId, groupId, userId: user.id });
  }
}

async function userNamed(trx: Database, tenantId: string, name: string) {
  const user = await findUserByName(trx, { tenantId, name });
  if (!user) throw new AppError('unprocessable', `A group has the member "${name}", but there is no such user.`);
  return user;
}

function planUpstreams(stored: StoredState, { upstreams }: StateDocument, prune: boolean, tenantId: string) {
  return reconcile({
    kind: 'upstream',
    stored: stored.upstreams,
    wanted: upstreams,
    prune,
    nameOf,
    keyOf: same,
    differences(old, upstream) {
      // All that is stored, so that no setting is ever left out here.
      const wanted = { enabled: upstream.enabled, ...storedConfig(upstream) };
      return differingMembers(upstreamOf(old), wanted, Object.keys(wanted) as (keyof typeof wanted)[]);
    },
    create: (trx, upstream) => createUpstream(trx, tenantId, upstream),
    update: (trx, old, { name: _, ...settings }) => replaceUpstream(trx, old, settings),
    remove: (trx, old) => deleteUpstream(trx, old),
  });
}

const FIND = { user: findUserByName, service_account: findServiceAccountByName, group: findGroupByName } as const;

function planAssignments(stored: StoredState, document: StateDocument, prune: boolean, tenantId: string) {
  const subjectOf = async (trx: Database, { subject: { kind, name } }: AssignmentState) => {
    const found = await FIND[kind](trx, { tenantId, name });
    return found && { kind, id: found.id };
  };
  return reconcile({
    kind: 'role_assignment',
    stored: stored.roleAssignments,
    wanted: document.roleAssignments,
    prune,
    nameOf: ({ role, subject: { kind, name } }: AssignmentState) => `${role} → ${kind} ${name}`,
    keyOf: nameKey,
    differences: () => ({}),
    async create(trx, assignment) {
      const subject = await subjectOf(trx, assignment);
      const { kind, name } = assignment.subject;
      if (!subject)
        throw new AppError(
          'unprocessable',
          `A role is assigned to the ${kind.replace('_', ' ')} "${name}", which does not exist.`,
        );
      await assignRole(trx, { tenantId, role: assignment.role, subject });
    },
    async remove(trx, assignment) {
      const subject = await subjectOf(trx, assignment);
      if (subject) await unassignRole(trx, { tenantId, role: assignment.role, subject });
    },
  });
}
