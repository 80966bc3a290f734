import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findAccessKey } from '../../../src/store/access-keys.ts';
import { assignRole, rolesOfPrincipal } from '../../../src/store/role-assignments.ts';
import { allRoles, deleteRole, findRole, insertRole, listRoles, updateRole } from '../../../src/store/roles.ts';
import { NOW, newKey, newTenant, newUser, readAll, rejectsWith, type Suite } from './fixture.ts';

const rules = { allow: [{ upstream: 'git*', tools: ['get_*'], when: { readOnly: true } }], deny: [{ upstream: '*' }] };

export const roles: Suite = (db) => {
  test('a role keeps its rules exactly, and its name is unique', async () => {
    const tenantId = await newTenant(db());
    const role = await insertRole(db(), {
      tenantId,
      name: 'engineer',
      description: 'Builds',
      ...rules,
      createdAt: NOW,
    });
    assert.deepEqual(role, {
      tenantId,
      name: 'engineer',
      description: 'Builds',
      ...rules,
      version: 1,
      createdAt: NOW,
      updatedAt: NOW,
    });
    assert.deepEqual(await findRole(db(), role), role);
    assert.equal(await findRole(db(), { tenantId, name: 'Engineer' }), null);
    await rejectsWith('conflict', insertRole(db(), { ...role, createdAt: NOW }), /role with this name/);
  });

  test('roles are listed in pages by name and all at once', async () => {
    const tenantId = await newTenant(db());
    for (const name of ['c', 'a', 'd', 'b']) {
      await insertRole(db(), { tenantId, name, description: '', allow: [], deny: [], createdAt: NOW });
    }
    const paged = await readAll(3, (after) => listRoles(db(), { tenantId, after, limit: 3 }));
    assert.deepEqual(
      paged.map((role) => role.name),
      ['a', 'b', 'c', 'd'],
    );
    assert.deepEqual(await allRoles(db(), tenantId), paged);
  });

  test('a role is changed in the expected version only', async () => {
    const tenantId = await newTenant(db());
    const role = await insertRole(db(), { tenantId, name: 'r', description: '', ...rules, createdAt: NOW });
    const changed = await updateRole(db(), role, 1, { deny: [], description: 'Less' }, NOW + 1);
    assert.deepEqual(changed, { ...role, deny: [], description: 'Less', version: 2, updatedAt: NOW + 1 });
    assert.equal(await updateRole(db(), role, 1, { allow: [] }), null);
    assert.deepEqual(await findRole(db(), role), changed);
  });

  test('removing a role takes it from principals, but does not widen a key that it limits', async () => {
    const tenantId = await newTenant(db());
    const role = await insertRole(db(), { tenantId, name: 'reader', description: '', ...rules, createdAt: NOW });
    const user = await newUser(db(), tenantId);
    await assignRole(db(), { tenantId, role: 'reader', subject: { kind: 'user', id: user.id } });
    await assignRole(db(), { tenantId, role: 'writer', subject: { kind: 'user', id: user.id } });
    const key = await newKey(db(), user, { roles: ['reader'] });
    assert.equal(await deleteRole(db(), role), true);
    assert.equal(await deleteRole(db(), role), false);
    assert.deepEqual(await rolesOfPrincipal(db(), { tenantId, kind: 'user', id: user.id }), ['writer']);
    assert.deepEqual((await findAccessKey(db(), key))?.roles, ['reader']);
  });
};
