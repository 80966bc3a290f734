import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addGroupMember } from '../../../src/store/group-members.ts';
import {
  assignRole,
  listRoleAssignments,
  replaceRolesOf,
  rolesOfPrincipal,
  rolesOfSubject,
  unassignRole,
} from '../../../src/store/role-assignments.ts';
import {
  NOW,
  newGroup,
  newKey,
  newServiceAccount,
  newTenant,
  newUser,
  readAll,
  rejectsWith,
  type Suite,
} from './fixture.ts';

export const roleAssignments: Suite = (db) => {
  test('a role is assigned once to each kind of subject, and taken away again', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId);
    const subjects = [
      { kind: 'user', id: user.id },
      { kind: 'group', id: (await newGroup(db(), tenantId)).id },
      { kind: 'service_account', id: (await newServiceAccount(db(), tenantId)).id },
      { kind: 'access_key', id: (await newKey(db(), user)).id },
    ] as const;
    for (const subject of subjects) {
      const assignment = { tenantId, role: 'engineer', subject };
      assert.equal(await assignRole(db(), assignment, NOW), true);
      assert.equal(await assignRole(db(), assignment, NOW + 1), false);
      assert.deepEqual(await rolesOfSubject(db(), { tenantId, subject }), ['engineer']);
    }
    const all = await readAll(3, (after) => listRoleAssignments(db(), { tenantId, after, limit: 3 }));
    assert.equal(all.length, 4);
    assert.ok(all.every((assignment) => assignment.role === 'engineer' && assignment.createdAt === NOW));
    for (const subject of subjects) {
      assert.equal(await unassignRole(db(), { tenantId, role: 'engineer', subject }), true);
      assert.equal(await unassignRole(db(), { tenantId, role: 'engineer', subject }), false);
    }
  });

  test('a subject that does not exist gets no role', async () => {
    const tenantId = await newTenant(db());
    for (const kind of ['user', 'group', 'service_account', 'access_key'] as const) {
      const assignment = { tenantId, role: 'owner', subject: { kind, id: 'nobody' } };
      await rejectsWith('not_found', assignRole(db(), assignment), /There is no such/);
    }
    const user = await newUser(db(), tenantId);
    // An id of another kind does not count.
    const wrong = { tenantId, role: 'owner', subject: { kind: 'group', id: user.id } } as const;
    await rejectsWith('not_found', assignRole(db(), wrong), /group/);
  });

  test('assignments are filtered by role, by subject and by both', async () => {
    const tenantId = await newTenant(db());
    const [ann, bob] = [await newUser(db(), tenantId), await newUser(db(), tenantId)];
    const subject = { kind: 'user', id: ann.id } as const;
    for (const role of ['a', 'b']) {
      await assignRole(db(), { tenantId, role, subject });
      await assignRole(db(), { tenantId, role, subject: { kind: 'user', id: bob.id } });
    }
    const page = { tenantId, limit: 9 };
    const count = async (filter: object) => (await listRoleAssignments(db(), { ...page, ...filter })).items.length;
    assert.deepEqual([await count({}), await count({ role: 'a' }), await count({ subject })], [4, 2, 2]);
    assert.deepEqual([await count({ role: 'a', subject }), await count({ role: 'c' })], [1, 0]);
  });

  test('the roles of a user are the direct ones and those of all groups, sorted and unique', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId);
    const groups = [await newGroup(db(), tenantId), await newGroup(db(), tenantId), await newGroup(db(), tenantId)];
    for (const group of groups.slice(0, 2)) {
      await addGroupMember(db(), { tenantId, groupId: group.id, userId: user.id });
      await assignRole(db(), { tenantId, role: 'shared', subject: { kind: 'group', id: group.id } });
    }
    await assignRole(db(), { tenantId, role: 'beta', subject: { kind: 'group', id: groups[0]!.id } });
    await assignRole(db(), { tenantId, role: 'foreign', subject: { kind: 'group', id: groups[2]!.id } });
    await assignRole(db(), { tenantId, role: 'shared', subject: { kind: 'user', id: user.id } });
    await assignRole(db(), { tenantId, role: 'Alpha', subject: { kind: 'user', id: user.id } });
    await newKey(db(), user, { roles: ['of-the-key'] });
    const principal = { tenantId, kind: 'user', id: user.id } as const;
    assert.deepEqual(await rolesOfPrincipal(db(), principal), ['Alpha', 'beta', 'shared']);
    assert.deepEqual(await rolesOfPrincipal(db(), { ...principal, id: 'usr_none' }), []);
  });

  test('the roles of a service account are its own', async () => {
    const tenantId = await newTenant(db());
    const { id } = await newServiceAccount(db(), tenantId);
    await assignRole(db(), { tenantId, role: 'deploy', subject: { kind: 'service_account', id } });
    assert.deepEqual(await rolesOfPrincipal(db(), { tenantId, kind: 'service_account', id }), ['deploy']);
    assert.deepEqual(await rolesOfPrincipal(db(), { tenantId, kind: 'user', id }), []);
  });

  test('replacing keeps assignments that stay, and can take all away', async () => {
    const tenantId = await newTenant(db());
    const subject = { kind: 'user', id: (await newUser(db(), tenantId)).id } as const;
    await replaceRolesOf(db(), { tenantId, subject, roles: ['a', 'b', 'b'] }, NOW);
    const before = (await listRoleAssignments(db(), { tenantId, limit: 9, role: 'b' })).items;
    await replaceRolesOf(db(), { tenantId, subject, roles: ['b', 'c'] }, NOW + 1);
    assert.deepEqual(await rolesOfSubject(db(), { tenantId, subject }), ['b', 'c']);
    assert.deepEqual((await listRoleAssignments(db(), { tenantId, limit: 9, role: 'b' })).items, before);
    await replaceRolesOf(db(), { tenantId, subject, roles: [] });
    assert.deepEqual(await rolesOfSubject(db(), { tenantId, subject }), []);
  });
};
