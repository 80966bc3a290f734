import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../../src/lib/ids.ts';
import {
  findAccessKey,
  insertAccessKey,
  listAccessKeys,
  markKeyRevoked,
  setKeySuccessor,
  updateAccessKey,
} from '../../../src/store/access-keys.ts';
import { addGroupMember } from '../../../src/store/group-members.ts';
import { loadKeyByHash } from '../../../src/store/load-key-by-hash.ts';
import { assignRole } from '../../../src/store/role-assignments.ts';
import { touchAccessKeys } from '../../../src/store/touch-access-keys.ts';
import { transact } from '../../../src/store/transact.ts';
import { deleteUser, updateUser } from '../../../src/store/users.ts';
import {
  keyFor,
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

export const accessKeys: Suite = (db) => {
  test('a key is stored with its limits and found with the name of its owner, never with its hash', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId, 'ann');
    const input = keyFor(user, {
      cidrs: ['10.0.0.0/8', '2001:db8::/32'],
      tools: ['github__get_*'],
      roles: ['b', 'a', 'a'],
      expiresAt: NOW + 1,
    });
    const key = await insertAccessKey(db(), input);
    const { hash, ...rest } = input;
    assert.deepEqual(key, {
      ...rest,
      owner: { kind: 'user', id: user.id, name: 'ann' },
      roles: ['a', 'b'],
      revokedAt: null,
      lastUsedAt: null,
      successorId: null,
      version: 1,
    });
    assert.deepEqual(await findAccessKey(db(), key), key);
    assert.equal(await findAccessKey(db(), { tenantId, id: 'key_none' }), null);
    assert.ok(!JSON.stringify(key).includes(hash));
  });

  test('no two keys have the same hash, not even in two tenants, and none belongs to nobody', async () => {
    const [a, b] = [await newTenant(db()), await newTenant(db())];
    const input = keyFor(await newUser(db(), a));
    await insertAccessKey(db(), input);
    const other = keyFor(await newUser(db(), b), { hash: input.hash, roles: ['r'] });
    await rejectsWith('conflict', insertAccessKey(db(), other));
    assert.equal(await findAccessKey(db(), other), null);
    const owner = { kind: 'service_account', id: 'sva_none' } as const;
    await rejectsWith('not_found', insertAccessKey(db(), { ...input, id: newId('key'), owner }), /service account/);
  });

  test('keys are listed in pages with their roles: all, or those of one owner', async () => {
    const tenantId = await newTenant(db());
    const [user, account] = [await newUser(db(), tenantId), await newServiceAccount(db(), tenantId)];
    const keys = [
      await newKey(db(), user, { roles: ['b', 'a'] }),
      await newKey(db(), account),
      await newKey(db(), user),
    ];
    const byId = <T extends { id: string }>(items: readonly T[]) => [...items].sort((x, y) => (x.id < y.id ? -1 : 1));
    const all = await readAll(2, (after) => listAccessKeys(db(), { tenantId, after, limit: 2 }));
    assert.deepEqual(all, byId(keys));
    const owner = { kind: 'user', id: user.id } as const;
    const ofUser = await readAll(1, (after) => listAccessKeys(db(), { tenantId, owner, after, limit: 1 }));
    assert.deepEqual(ofUser, byId([keys[0]!, keys[2]!]));
    assert.deepEqual((await listAccessKeys(db(), { tenantId: await newTenant(db()), limit: 9 })).items, []);
  });

  test('a key is changed in the expected version only, its roles with it or not at all', async () => {
    const key = await newKey(db(), await newUser(db(), await newTenant(db())), { roles: ['a'], expiresAt: NOW });
    const patch = { name: 'desktop', expiresAt: null, cidrs: ['::1/128'], tools: ['x__*'], roles: ['c', 'b'] };
    const changed = await updateAccessKey(db(), key, 1, patch);
    assert.deepEqual(changed, { ...key, ...patch, roles: ['b', 'c'], version: 2 });
    assert.equal(await updateAccessKey(db(), key, 1, { roles: [] }), null);
    assert.deepEqual((await updateAccessKey(db(), key, 2, { name: 'third' }))?.roles, ['b', 'c']);
  });

  test('revoking keeps the time of the first revocation', async () => {
    const key = await newKey(db(), await newUser(db(), await newTenant(db())));
    assert.equal((await markKeyRevoked(db(), key, NOW))?.revokedAt, NOW);
    assert.equal((await markKeyRevoked(db(), key, NOW + 1))?.revokedAt, NOW);
    assert.equal(await markKeyRevoked(db(), { ...key, id: 'key_none' }), null);
  });

  test('of simultaneous rotations of a key exactly one happens, and the others leave no successor behind', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId);
    const key = await newKey(db(), user);
    const rotate = () =>
      transact(db(), async (trx) => {
        const successor = await insertAccessKey(trx, keyFor(user));
        const old = await setKeySuccessor(trx, key, { successorId: successor.id, expiresAt: NOW + 60_000 });
        if (!old) throw new Error('rotated already');
        return old;
      });
    const results = await Promise.allSettled([rotate(), rotate(), rotate()]);
    const made = results.filter((result) => result.status === 'fulfilled');
    assert.equal(made.length, 1);
    const { items } = await listAccessKeys(db(), { tenantId, limit: 9 });
    assert.equal(items.length, 2);
    const old = items.find((item) => item.id === key.id);
    assert.equal(old?.expiresAt, NOW + 60_000);
    assert.ok(items.some((item) => item.id === old?.successorId));
  });

  test('a revoked key cannot be rotated', async () => {
    const key = await newKey(db(), await newUser(db(), await newTenant(db())));
    await markKeyRevoked(db(), key);
    assert.equal(await setKeySuccessor(db(), key, { successorId: 'key_x', expiresAt: NOW }), null);
  });

  test('the time of the last use only moves forward, for as many keys as there are', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId);
    const keys = [];
    for (let i = 0; i < 301; i++) keys.push(await newKey(db(), user));
    const ids = keys.map((key) => key.id);
    await touchAccessKeys(db(), { tenantId, ids, at: NOW + 10 });
    await touchAccessKeys(db(), { tenantId, ids, at: NOW + 5 });
    await touchAccessKeys(db(), { tenantId, ids: [], at: NOW });
    const { items } = await listAccessKeys(db(), { tenantId, limit: 400 });
    assert.ok(items.length === 301 && items.every((key) => key.lastUsedAt === NOW + 10 && key.version === 1));
  });

  test('a key loads by its hash with its owner, its own roles and those of its owner', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId, 'ann');
    const group = await newGroup(db(), tenantId);
    await addGroupMember(db(), { tenantId, groupId: group.id, userId: user.id });
    await assignRole(db(), { tenantId, role: 'team', subject: { kind: 'group', id: group.id } });
    await assignRole(db(), { tenantId, role: 'team', subject: { kind: 'user', id: user.id } });
    await assignRole(db(), { tenantId, role: 'direct', subject: { kind: 'user', id: user.id } });
    const input = keyFor(user, { roles: ['narrow', 'direct'], cidrs: ['10.0.0.0/8'] });
    const key = await insertAccessKey(db(), input);
    await newKey(db(), user, { roles: ['of-another-key'] });
    assert.deepEqual(await loadKeyByHash(db(), input.hash), {
      hash: input.hash,
      key,
      owner: { status: 'active', epoch: 1 },
      principalRoles: ['direct', 'team'],
    });
    assert.deepEqual(key.roles, ['direct', 'narrow']);

    await updateUser(db(), user, 1, { status: 'disabled' });
    await markKeyRevoked(db(), key, NOW);
    const later = await loadKeyByHash(db(), input.hash);
    assert.deepEqual(later?.owner, { status: 'disabled', epoch: 2 });
    assert.equal(later?.key.revokedAt, NOW);
  });

  test('a key of a service account loads, without roles too', async () => {
    const account = await newServiceAccount(db(), await newTenant(db()), 'ci');
    const input = keyFor(account);
    const key = await insertAccessKey(db(), input);
    assert.deepEqual(await loadKeyByHash(db(), input.hash), {
      hash: input.hash,
      key,
      owner: { status: 'active', epoch: 1 },
      principalRoles: [],
    });
    assert.equal(key.owner.name, 'ci');
    const inside = await transact(db(), (trx) => loadKeyByHash(trx, input.hash));
    assert.deepEqual(inside?.key, key);
  });

  test('an unknown hash, and the hash of a key whose owner was removed, load nothing', async () => {
    const user = await newUser(db(), await newTenant(db()));
    const input = keyFor(user);
    await insertAccessKey(db(), input);
    await deleteUser(db(), user);
    for (const hash of [input.hash, '', '%', 'f'.repeat(64), input.hash.toUpperCase()]) {
      assert.equal(await loadKeyByHash(db(), hash), null);
    }
    // Even when the row of the owner was removed by other means, and the key is still there.
    const orphan = keyFor(await newUser(db(), user.tenantId));
    await insertAccessKey(db(), orphan);
    await db().deleteFrom('users').where('id', '=', orphan.owner.id).execute();
    assert.equal(await loadKeyByHash(db(), orphan.hash), null);
  });
};
