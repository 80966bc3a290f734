import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../../src/lib/ids.ts';
import { listAccessKeys } from '../../../src/store/access-keys.ts';
import { addGroupMember, listGroupMembers } from '../../../src/store/group-members.ts';
import { assignRole, listRoleAssignments } from '../../../src/store/role-assignments.ts';
import { listSecrets } from '../../../src/store/secrets.ts';
import {
  deleteServiceAccount,
  findServiceAccount,
  findServiceAccountByName,
  insertServiceAccount,
  listServiceAccounts,
  updateServiceAccount,
} from '../../../src/store/service-accounts.ts';
import { findTenant, insertTenant, listTenants } from '../../../src/store/tenants.ts';
import { deleteUser, findUser, findUserByName, insertUser, listUsers, updateUser } from '../../../src/store/users.ts';
import {
  NOW,
  newDataKey,
  newGroup,
  newKey,
  newSecret,
  newServiceAccount,
  newTenant,
  newUser,
  readAll,
  rejectsWith,
  type Suite,
} from './fixture.ts';

export const principals: Suite = (db) => {
  test('the default tenant exists from the start, and tenants can be added once and listed', async () => {
    assert.equal((await findTenant(db(), 'default'))?.name, 'Default');
    const id = await newTenant(db());
    assert.deepEqual(await findTenant(db(), id), { id, name: `Tenant ${id.slice(7)}`, createdAt: NOW });
    await rejectsWith('conflict', insertTenant(db(), { id, name: 'Again', createdAt: NOW }), /tenant with this id/);
    const all = await readAll(1, (after) => listTenants(db(), { after, limit: 1 }));
    assert.ok(all.some((tenant) => tenant.id === id) && all.some((tenant) => tenant.id === 'default'));
  });

  test('a user is found by id and by login in any case, and starts active in version and epoch 1', async () => {
    const tenantId = await newTenant(db());
    const id = newId('usr');
    const user = await insertUser(db(), {
      tenantId,
      id,
      name: 'Ann@Example.org',
      displayName: 'Ann Ó',
      createdAt: NOW,
    });
    assert.deepEqual(user, {
      tenantId,
      id,
      name: 'Ann@Example.org',
      displayName: 'Ann Ó',
      status: 'active',
      epoch: 1,
      version: 1,
      createdAt: NOW,
      updatedAt: NOW,
    });
    assert.deepEqual(await findUser(db(), { tenantId, id }), user);
    assert.deepEqual(await findUserByName(db(), { tenantId, name: 'ann@example.ORG' }), user);
    assert.equal(await findUser(db(), { tenantId, id: 'usr_none' }), null);
    assert.equal(await findUserByName(db(), { tenantId, name: 'bob' }), null);
  });

  test('two users cannot have logins that differ in case or in compatibility forms only', async () => {
    const tenantId = await newTenant(db());
    await newUser(db(), tenantId, 'ann');
    for (const name of ['ann', 'ANN', 'Ａｎｎ']) {
      await rejectsWith('conflict', newUser(db(), tenantId, name), /user with this name/);
    }
    const bob = await newUser(db(), tenantId, 'bob');
    await rejectsWith('conflict', updateUser(db(), bob, 1, { name: 'Ann' }), /user with this name/);
    assert.equal((await findUser(db(), bob))?.name, 'bob');
  });

  test('the same login may exist in two tenants', async () => {
    const [a, b] = [await newTenant(db()), await newTenant(db())];
    await newUser(db(), a, 'ann');
    assert.equal((await newUser(db(), b, 'ann')).tenantId, b);
  });

  test('an update changes what the patch names, and only in the expected version', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId);
    const second = await updateUser(db(), user, 1, { displayName: 'New' }, NOW + 5);
    assert.deepEqual(second, { ...user, displayName: 'New', version: 2, updatedAt: NOW + 5 });
    assert.equal(await updateUser(db(), user, 1, { displayName: 'Lost' }), null);
    assert.equal(await updateUser(db(), { tenantId, id: 'usr_none' }, 1, { displayName: 'x' }), null);
    assert.deepEqual(await findUser(db(), user), second);
  });

  test('of simultaneous updates on one version exactly one is made', async () => {
    const user = await newUser(db(), await newTenant(db()));
    const names = ['a', 'b', 'c', 'd', 'e'];
    const results = await Promise.all(names.map((displayName) => updateUser(db(), user, 1, { displayName })));
    const made = results.filter((result) => result !== null);
    assert.equal(made.length, 1);
    assert.deepEqual(await findUser(db(), user), made[0]);
  });

  test('disabling a user raises the epoch; enabling again keeps it', async () => {
    const user = await newUser(db(), await newTenant(db()));
    const disabled = await updateUser(db(), user, 1, { status: 'disabled' });
    assert.deepEqual([disabled?.status, disabled?.epoch], ['disabled', 2]);
    const enabled = await updateUser(db(), user, 2, { status: 'active' });
    assert.deepEqual([enabled?.status, enabled?.epoch], ['active', 2]);
  });

  test('pages hold every user that exists throughout exactly once, whatever comes and goes meanwhile', async () => {
    const tenantId = await newTenant(db());
    const users = [];
    for (let i = 0; i < 10; i++) {
      const id = newId('usr', NOW + i * 10);
      users.push(await insertUser(db(), { tenantId, id, name: `u${i}`, displayName: '', createdAt: NOW }));
    }
    const first = await listUsers(db(), { tenantId, limit: 4 });
    await deleteUser(db(), users[1]!);
    await deleteUser(db(), users[3]!); // the cursor itself
    await insertUser(db(), { tenantId, id: newId('usr', NOW + 5), name: 'early', displayName: '', createdAt: NOW });
    const rest = await readAll(4, (after) => listUsers(db(), { tenantId, after: after ?? first.next, limit: 4 }));
    assert.deepEqual(
      [...first.items, ...rest].map((user) => user.name),
      ['u0', 'u1', 'u2', 'u3', 'u4', 'u5', 'u6', 'u7', 'u8', 'u9'],
    );
  });

  test('a list that fits its page exactly has no next page, and an empty one neither', async () => {
    const tenantId = await newTenant(db());
    assert.deepEqual(await listUsers(db(), { tenantId, limit: 2 }), { items: [], next: null });
    await newUser(db(), tenantId);
    await newUser(db(), tenantId);
    assert.equal((await listUsers(db(), { tenantId, limit: 2 })).next, null);
  });

  test('removing a user removes keys, assignments, memberships and secrets of this user and of nobody else', async () => {
    const tenantId = await newTenant(db());
    const [ann, bob] = [await newUser(db(), tenantId), await newUser(db(), tenantId)];
    const group = await newGroup(db(), tenantId);
    const dataKey = await newDataKey(db(), tenantId);
    for (const user of [ann, bob]) {
      await addGroupMember(db(), { tenantId, groupId: group.id, userId: user.id });
      await assignRole(db(), { tenantId, role: 'engineer', subject: { kind: 'user', id: user.id } });
      await newKey(db(), user, { roles: ['narrow'] });
      const owner = { kind: 'user', id: user.id } as const;
      await newSecret(db(), { tenantId, upstream: 'github', owner, name: 'authorization' }, dataKey.id);
    }
    assert.equal(await deleteUser(db(), ann), true);
    assert.equal(await deleteUser(db(), ann), false);
    const page = { tenantId, limit: 10 };
    assert.deepEqual((await listUsers(db(), page)).items, [bob]);
    assert.deepEqual((await listGroupMembers(db(), { ...page, groupId: group.id })).items, [bob]);
    const keys = (await listAccessKeys(db(), page)).items;
    assert.deepEqual(
      keys.map((key) => key.owner.id),
      [bob.id],
    );
    const subjects = (await listRoleAssignments(db(), page)).items.map((assignment) => assignment.subject.id);
    assert.deepEqual(subjects.sort(), [bob.id, keys[0]!.id].sort());
    assert.deepEqual(
      (await listSecrets(db(), page)).items.map((secret) => secret.owner.id),
      [bob.id],
    );
  });

  test('service accounts are inserted, found, listed, updated and removed like users', async () => {
    const tenantId = await newTenant(db());
    const account = await newServiceAccount(db(), tenantId, 'CI');
    assert.deepEqual(await findServiceAccount(db(), account), account);
    assert.deepEqual(await findServiceAccountByName(db(), { tenantId, name: 'ci' }), account);
    await rejectsWith('conflict', newServiceAccount(db(), tenantId, 'ci'), /service account with this name/);
    await insertServiceAccount(db(), { tenantId, id: newId('sva'), name: 'cd', description: '', createdAt: NOW });
    const all = await readAll(1, (after) => listServiceAccounts(db(), { tenantId, after, limit: 1 }));
    assert.deepEqual(all.map((item) => item.name).sort(), ['CI', 'cd']);

    const disabled = await updateServiceAccount(db(), account, 1, { status: 'disabled', description: 'Off' }, NOW + 1);
    assert.deepEqual(disabled, {
      ...account,
      status: 'disabled',
      description: 'Off',
      epoch: 2,
      version: 2,
      updatedAt: NOW + 1,
    });
    assert.equal(await updateServiceAccount(db(), account, 1, { name: 'other' }), null);
    assert.equal((await updateServiceAccount(db(), account, 2, { name: 'build' }))?.name, 'build');

    await newKey(db(), account, { roles: ['deploy'] });
    await assignRole(db(), { tenantId, role: 'deployer', subject: { kind: 'service_account', id: account.id } });
    assert.equal(await deleteServiceAccount(db(), account), true);
    assert.equal(await deleteServiceAccount(db(), account), false);
    assert.deepEqual((await listAccessKeys(db(), { tenantId, limit: 9 })).items, []);
    assert.deepEqual((await listRoleAssignments(db(), { tenantId, limit: 9 })).items, []);
  });
};
