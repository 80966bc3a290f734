import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  findAccessKey,
  listAccessKeys,
  markKeyRevoked,
  setKeySuccessor,
  updateAccessKey,
} from '../../../src/store/access-keys.ts';
import {
  deleteDataKey,
  findDataKey,
  listDataKeys,
  retireDataKey,
  rewrapDataKey,
} from '../../../src/store/data-keys.ts';
import type { Database } from '../../../src/store/database.ts';
import {
  addGroupMember,
  listGroupMembers,
  listGroupsOfUser,
  removeGroupMember,
} from '../../../src/store/group-members.ts';
import { deleteGroup, findGroup, findGroupByName, listGroups, updateGroup } from '../../../src/store/groups.ts';
import { claimIdempotencyKey } from '../../../src/store/idempotency-keys.ts';
import {
  assignRole,
  listRoleAssignments,
  rolesOfPrincipal,
  rolesOfSubject,
  unassignRole,
} from '../../../src/store/role-assignments.ts';
import { allRoles, deleteRole, findRole, insertRole, listRoles, updateRole } from '../../../src/store/roles.ts';
import {
  deleteSecret,
  findSecret,
  insertSecret,
  listSecrets,
  listSecretsNotUnder,
  rekeySecret,
  updateSecret,
} from '../../../src/store/secrets.ts';
import {
  deleteServiceAccount,
  findServiceAccount,
  findServiceAccountByName,
  listServiceAccounts,
  updateServiceAccount,
} from '../../../src/store/service-accounts.ts';
import { deleteSetting, findSetting, putSetting } from '../../../src/store/settings.ts';
import { touchAccessKeys } from '../../../src/store/touch-access-keys.ts';
import {
  allUpstreams,
  deleteUpstream,
  findUpstream,
  insertUpstream,
  listUpstreams,
  updateUpstream,
} from '../../../src/store/upstreams.ts';
import { deleteUser, findUser, findUserByName, listUsers, updateUser } from '../../../src/store/users.ts';
import {
  keyFor,
  NOW,
  newDataKey,
  newGroup,
  newKey,
  newSecret,
  newServiceAccount,
  newTenant,
  newUser,
  rejectsWith,
  type Suite,
} from './fixture.ts';

/** One of everything in a tenant. */
async function furnish(db: Database) {
  const tenantId = await newTenant(db);
  const user = await newUser(db, tenantId, 'ann');
  const account = await newServiceAccount(db, tenantId, 'ci');
  const group = await newGroup(db, tenantId, 'team');
  const membership = { tenantId, groupId: group.id, userId: user.id };
  await addGroupMember(db, membership);
  const role = await insertRole(db, { tenantId, name: 'r', description: '', allow: [], deny: [], createdAt: NOW });
  const assignment = { tenantId, role: 'r', subject: { kind: 'user', id: user.id } } as const;
  await assignRole(db, assignment);
  const key = await newKey(db, user, { roles: ['r'] });
  const upstream = await insertUpstream(db, { tenantId, name: 'up', config: {}, enabled: true, createdAt: NOW });
  const dataKey = await newDataKey(db, tenantId);
  const ref = { tenantId, upstream: 'up', owner: { kind: 'shared', id: '' }, name: 'authorization' } as const;
  const secret = await newSecret(db, ref, dataKey.id);
  const setting = { tenantId, key: 's' };
  await putSetting(db, setting, 'v');
  return { tenantId, user, account, group, membership, role, assignment, key, upstream, dataKey, secret, setting };
}

type Furnished = Awaited<ReturnType<typeof furnish>>;

/** Every single-object function, given the other tenant with this tenant's names and ids. */
function reachAcross(db: Database, a: Furnished, tenantId: string): Record<string, () => Promise<unknown>> {
  const subject = a.assignment.subject;
  const next = { envelope: 'v1.evil', dataKeyId: a.dataKey.id };
  const inB = <T extends { tenantId: string }>(ref: T): T => ({ ...ref, tenantId });
  return {
    findUser: () => findUser(db, inB(a.user)),
    findUserByName: () => findUserByName(db, { tenantId, name: 'ann' }),
    updateUser: () => updateUser(db, inB(a.user), 1, { status: 'disabled' }),
    deleteUser: () => deleteUser(db, inB(a.user)),
    findServiceAccount: () => findServiceAccount(db, inB(a.account)),
    findServiceAccountByName: () => findServiceAccountByName(db, { tenantId, name: 'ci' }),
    updateServiceAccount: () => updateServiceAccount(db, inB(a.account), 1, { name: 'x' }),
    deleteServiceAccount: () => deleteServiceAccount(db, inB(a.account)),
    findGroup: () => findGroup(db, inB(a.group)),
    findGroupByName: () => findGroupByName(db, { tenantId, name: 'team' }),
    updateGroup: () => updateGroup(db, inB(a.group), 1, { name: 'x' }),
    deleteGroup: () => deleteGroup(db, inB(a.group)),
    removeGroupMember: () => removeGroupMember(db, inB(a.membership)),
    findRole: () => findRole(db, inB(a.role)),
    updateRole: () => updateRole(db, inB(a.role), 1, { description: 'x' }),
    deleteRole: () => deleteRole(db, inB(a.role)),
    unassignRole: () => unassignRole(db, inB(a.assignment)),
    rolesOfSubject: () => rolesOfSubject(db, { tenantId, subject }),
    rolesOfPrincipal: () => rolesOfPrincipal(db, { tenantId, kind: 'user', id: a.user.id }),
    findAccessKey: () => findAccessKey(db, inB(a.key)),
    updateAccessKey: () => updateAccessKey(db, inB(a.key), 1, { roles: [] }),
    markKeyRevoked: () => markKeyRevoked(db, inB(a.key)),
    setKeySuccessor: () => setKeySuccessor(db, inB(a.key), { successorId: 'key_x', expiresAt: 0 }),
    touchAccessKeys: () => touchAccessKeys(db, { tenantId, ids: [a.key.id], at: NOW }),
    findUpstream: () => findUpstream(db, inB(a.upstream)),
    updateUpstream: () => updateUpstream(db, inB(a.upstream), 1, { enabled: false }),
    deleteUpstream: () => deleteUpstream(db, inB(a.upstream)),
    findSecret: () => findSecret(db, inB(a.secret)),
    updateSecret: () => updateSecret(db, inB(a.secret), a.secret, next),
    rekeySecret: () => rekeySecret(db, inB(a.secret), a.secret, next),
    deleteSecret: () => deleteSecret(db, inB(a.secret)),
    findDataKey: () => findDataKey(db, inB(a.dataKey)),
    rewrapDataKey: () => rewrapDataKey(db, inB(a.dataKey), 'mk1', { wrapped: 'x', masterKeyId: 'x' }),
    retireDataKey: () => retireDataKey(db, inB(a.dataKey)),
    deleteDataKey: () => deleteDataKey(db, inB(a.dataKey)),
    findSetting: () => findSetting(db, inB(a.setting)),
    deleteSetting: () => deleteSetting(db, inB(a.setting)),
  };
}

/** Everything that is to be seen in a tenant. */
async function everything(db: Database, tenantId: string, of: Furnished) {
  const page = { tenantId, limit: 100 };
  return {
    users: (await listUsers(db, page)).items,
    accounts: (await listServiceAccounts(db, page)).items,
    groups: (await listGroups(db, page)).items,
    members: (await listGroupMembers(db, { ...page, groupId: of.group.id })).items,
    groupsOfUser: (await listGroupsOfUser(db, { ...page, userId: of.user.id })).items,
    roles: (await listRoles(db, page)).items,
    allRoles: await allRoles(db, tenantId),
    assignments: (await listRoleAssignments(db, page)).items,
    keys: (await listAccessKeys(db, page)).items,
    upstreams: (await listUpstreams(db, page)).items,
    allUpstreams: await allUpstreams(db, tenantId),
    secrets: (await listSecrets(db, page)).items,
    oldSecrets: (await listSecretsNotUnder(db, { ...page, dataKeyId: 'dk_none' })).items,
    dataKeys: await listDataKeys(db, { tenantId }),
    setting: await findSetting(db, { ...of.setting, tenantId }),
  };
}

export const tenantIsolation: Suite = (db) => {
  test('with the names and ids of one tenant, another can neither see nor change anything', async () => {
    const a = await furnish(db());
    const b = await newTenant(db());
    const before = await everything(db(), a.tenantId, a);
    for (const [name, reach] of Object.entries(reachAcross(db(), a, b))) {
      const found = await reach();
      assert.ok(!found || (Array.isArray(found) && found.length === 0), `${name} returned ${JSON.stringify(found)}`);
    }
    assert.deepEqual(await everything(db(), a.tenantId, a), before);
    for (const [name, seen] of Object.entries(await everything(db(), b, a))) {
      assert.ok(seen === null || seen.length === 0, `${name} is visible in another tenant`);
    }
  });

  test('nothing in one tenant can refer to something of another', async () => {
    const [a, b] = [await furnish(db()), await furnish(db())];
    const tenantId = b.tenantId;
    await rejectsWith('not_found', addGroupMember(db(), { tenantId, groupId: b.group.id, userId: a.user.id }));
    await rejectsWith('not_found', addGroupMember(db(), { tenantId, groupId: a.group.id, userId: b.user.id }));
    await rejectsWith('not_found', assignRole(db(), { ...a.assignment, tenantId }));
    await rejectsWith('not_found', newKey(db(), a.user, { tenantId }));
    const secret = { ...b.secret, id: 'sec_x', name: 'x', dataKeyId: a.dataKey.id };
    await rejectsWith('conflict', insertSecret(db(), secret));
    // Past the query functions, the database itself refuses.
    const row = { tenant_id: tenantId, group_id: b.group.id, user_id: a.user.id, created_at: NOW };
    await rejectsWith('conflict', db().insertInto('group_members').values(row).execute());
    await rejectsWith('conflict', newUser(db(), 'no-such-tenant'));
  });

  test('the same names and ids in two tenants are two things', async () => {
    const [a, b] = [await furnish(db()), await furnish(db())];
    const claim = { principalId: 'p', key: 'k' };
    assert.equal(await claimIdempotencyKey(db(), { ...claim, tenantId: a.tenantId }, 'h'), null);
    assert.equal(await claimIdempotencyKey(db(), { ...claim, tenantId: b.tenantId }, 'h'), null);
    await newKey(db(), b.user, { ...keyFor(b.user), id: a.key.id });
    await markKeyRevoked(db(), { tenantId: b.tenantId, id: a.key.id });
    assert.equal((await findAccessKey(db(), a.key))?.revokedAt, null);
  });
};
