import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addGroupMember,
  listGroupMembers,
  listGroupsOfUser,
  removeGroupMember,
} from '../../../src/store/group-members.ts';
import { deleteGroup, findGroup, findGroupByName, listGroups, updateGroup } from '../../../src/store/groups.ts';
import { assignRole, listRoleAssignments, rolesOfPrincipal } from '../../../src/store/role-assignments.ts';
import { findUser } from '../../../src/store/users.ts';
import { NOW, newGroup, newTenant, newUser, readAll, rejectsWith, type Suite } from './fixture.ts';

export const groups: Suite = (db) => {
  test('groups are found, listed, and changed in the expected version only; names are unique in any case', async () => {
    const tenantId = await newTenant(db());
    const group = await newGroup(db(), tenantId, 'Engineers');
    assert.deepEqual(await findGroup(db(), group), group);
    assert.deepEqual(await findGroupByName(db(), { tenantId, name: 'ENGINEERS' }), group);
    await rejectsWith('conflict', newGroup(db(), tenantId, 'engineers'), /group with this name/);
    await newGroup(db(), tenantId, 'Support');
    const all = await readAll(1, (after) => listGroups(db(), { tenantId, after, limit: 1 }));
    assert.deepEqual(all.map((item) => item.name).sort(), ['Engineers', 'Support']);
    const changed = await updateGroup(db(), group, 1, { name: 'Makers', description: 'All' }, NOW + 1);
    assert.deepEqual(changed, { ...group, name: 'Makers', description: 'All', version: 2, updatedAt: NOW + 1 });
    assert.equal(await updateGroup(db(), group, 1, { name: 'Lost' }), null);
    assert.equal(await findGroupByName(db(), { tenantId, name: 'Engineers' }), null);
  });

  test('members are added once, listed in pages from both sides, and removed', async () => {
    const tenantId = await newTenant(db());
    const group = await newGroup(db(), tenantId);
    const users = [await newUser(db(), tenantId), await newUser(db(), tenantId), await newUser(db(), tenantId)];
    for (const user of users) {
      assert.equal(await addGroupMember(db(), { tenantId, groupId: group.id, userId: user.id }), true);
      assert.equal(await addGroupMember(db(), { tenantId, groupId: group.id, userId: user.id }), false);
    }
    const members = await readAll(2, (after) =>
      listGroupMembers(db(), { tenantId, groupId: group.id, after, limit: 2 }),
    );
    assert.deepEqual(members.map((user) => user.id).sort(), users.map((user) => user.id).sort());
    const other = await newGroup(db(), tenantId);
    await addGroupMember(db(), { tenantId, groupId: other.id, userId: users[0]!.id });
    const groupsOfUser = await readAll(1, (after) =>
      listGroupsOfUser(db(), { tenantId, userId: users[0]!.id, after, limit: 1 }),
    );
    assert.deepEqual(groupsOfUser.map((item) => item.id).sort(), [group.id, other.id].sort());

    const member = { tenantId, groupId: group.id, userId: users[0]!.id };
    assert.equal(await removeGroupMember(db(), member), true);
    assert.equal(await removeGroupMember(db(), member), false);
  });

  test('a group or user that is not there cannot be made part of a membership', async () => {
    const tenantId = await newTenant(db());
    const [group, user] = [await newGroup(db(), tenantId), await newUser(db(), tenantId)];
    const add = (groupId: string, userId: string) => addGroupMember(db(), { tenantId, groupId, userId });
    await rejectsWith('not_found', add('grp_none', user.id), /group/);
    await rejectsWith('not_found', add(group.id, 'usr_none'), /user/);
  });

  test('removing a group removes its memberships and assignments, and not its members', async () => {
    const tenantId = await newTenant(db());
    const [group, user] = [await newGroup(db(), tenantId), await newUser(db(), tenantId)];
    await addGroupMember(db(), { tenantId, groupId: group.id, userId: user.id });
    await assignRole(db(), { tenantId, role: 'engineer', subject: { kind: 'group', id: group.id } });
    const principal = { tenantId, kind: 'user', id: user.id } as const;
    assert.deepEqual(await rolesOfPrincipal(db(), principal), ['engineer']);
    assert.equal(await deleteGroup(db(), group), true);
    assert.equal(await deleteGroup(db(), group), false);
    assert.deepEqual(await rolesOfPrincipal(db(), principal), []);
    assert.deepEqual((await listRoleAssignments(db(), { tenantId, limit: 9 })).items, []);
    assert.deepEqual((await listGroupsOfUser(db(), { tenantId, userId: user.id, limit: 9 })).items, []);
    assert.deepEqual(await findUser(db(), user), user);
  });
};
