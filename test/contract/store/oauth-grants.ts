import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../../src/lib/ids.ts';
import type { Database } from '../../../src/store/database.ts';
import {
  countOauthGrantsOfClient,
  deleteOauthGrantsEndedBefore,
  findOauthGrant,
  insertOauthGrant,
  listOauthGrants,
  listOauthGrantsRevokedSince,
  listSurplusOauthGrants,
  type NewOauthGrant,
  revokeOauthGrant,
  revokeOauthGrantsOf,
  touchOauthGrant,
  updateOauthGrant,
} from '../../../src/store/oauth-grants.ts';
import { deleteUser } from '../../../src/store/users.ts';
import { NOW, newTenant, newUser, readAll, rejectsWith, type Suite } from './fixture.ts';

async function newGrant(db: Database, tenantId: string, change: Partial<NewOauthGrant> = {}): Promise<NewOauthGrant> {
  const grant: NewOauthGrant = {
    tenantId,
    id: newId('grt'),
    clientId: 'https://client.example/mcp.json',
    clientName: 'Client',
    principal: { kind: 'user', id: 'usr_1' },
    resource: 'https://gateway.example/mcp',
    scopes: ['mcp', 'offline_access'],
    payload: { accountId: 'usr_1' },
    address: '192.0.2.1',
    createdAt: NOW,
    expiresAt: NOW + 1000,
    ...change,
  };
  await insertOauthGrant(db, grant);
  return grant;
}

const asStored = (grant: NewOauthGrant) => ({ ...grant, lastUsedAt: null, revokedAt: null, revokedReason: null });

export const oauthGrants: Suite = (db) => {
  test('a grant comes back as it was given, in its tenant only', async () => {
    const [a, b] = [await newTenant(db()), await newTenant(db())];
    const grant = await newGrant(db(), a);
    assert.deepEqual(await findOauthGrant(db(), grant), asStored(grant));
    assert.equal(await findOauthGrant(db(), { ...grant, tenantId: b }), null);
    assert.equal(await revokeOauthGrant(db(), { ...grant, tenantId: b }, 'x', NOW), false);
    assert.equal(await updateOauthGrant(db(), { ...grant, tenantId: b }, grant), null);
    await touchOauthGrant(db(), { ...grant, tenantId: b }, NOW, 0);
    assert.deepEqual(await findOauthGrant(db(), grant), asStored(grant));
    await rejectsWith('conflict', newGrant(db(), a, { id: grant.id }));
    await newGrant(db(), b, { id: grant.id });
  });

  test('grants are listed in pages: all, of a client, of a principal, of both', async () => {
    const tenantId = await newTenant(db());
    for (const clientId of ['one', 'two', 'one', 'two', 'one']) {
      for (const id of ['usr_1', 'usr_2'])
        await newGrant(db(), tenantId, { clientId, principal: { kind: 'user', id } });
    }
    const list = (of: { clientId?: string; principalId?: string }) =>
      readAll(3, (after) => listOauthGrants(db(), { tenantId, after, limit: 3, ...of }));
    const all = await list({});
    assert.equal(all.length, 10);
    assert.deepEqual(
      all.map(({ id }) => id),
      all.map(({ id }) => id).sort(),
    );
    const where = (matches: (grant: NewOauthGrant) => boolean) => all.filter(matches);
    assert.deepEqual(
      await list({ clientId: 'one' }),
      where(({ clientId }) => clientId === 'one'),
    );
    assert.deepEqual(
      await list({ principalId: 'usr_2' }),
      where(({ principal }) => principal.id === 'usr_2'),
    );
    const both = where(({ clientId, principal }) => clientId === 'two' && principal.id === 'usr_1');
    assert.equal(both.length, 2);
    assert.deepEqual(await list({ clientId: 'two', principalId: 'usr_1' }), both);
    assert.deepEqual((await listOauthGrants(db(), { tenantId: await newTenant(db()), limit: 9 })).items, []);
  });

  test('a grant is revoked once, keeps its time and reason, and is not changed after that', async () => {
    const tenantId = await newTenant(db());
    const grant = await newGrant(db(), tenantId);
    const wider = { ...grant, scopes: ['mcp'], payload: { more: [1] }, expiresAt: null };
    assert.deepEqual((await updateOauthGrant(db(), grant, wider))?.payload, wider.payload);
    assert.equal(await revokeOauthGrant(db(), grant, 'by_user', NOW + 1), true);
    assert.equal(await revokeOauthGrant(db(), grant, 'again', NOW + 2), false);
    assert.equal(await updateOauthGrant(db(), grant, grant), null);
    const { revokedAt, revokedReason, scopes } = (await findOauthGrant(db(), grant))!;
    assert.deepEqual([revokedAt, revokedReason, scopes], [NOW + 1, 'by_user', ['mcp']]);
  });

  test('of simultaneous revocations one is told that it did it', async () => {
    const grant = await newGrant(db(), await newTenant(db()));
    const done = await Promise.all(Array.from({ length: 10 }, () => revokeOauthGrant(db(), grant, 'race', NOW)));
    assert.equal(done.filter(Boolean).length, 1);
  });

  test('all grants of a client or a principal are revoked at once, and of nobody else', async () => {
    const [tenantId, other] = [await newTenant(db()), await newTenant(db())];
    const of = (clientId: string, id: string, tenant = tenantId) =>
      newGrant(db(), tenant, { clientId, principal: { kind: 'user', id } });
    const [a1, a2, b1, b2] = [await of('a', '1'), await of('a', '2'), await of('b', '1'), await of('b', '2')];
    const elsewhere = await of('a', '1', other);
    assert.deepEqual(
      (await revokeOauthGrantsOf(db(), { tenantId, clientId: 'a' }, 'x', NOW + 5)).sort(),
      [a1.id, a2.id].sort(),
    );
    assert.deepEqual(await revokeOauthGrantsOf(db(), { tenantId, principalId: '1' }, 'y', NOW + 6), [b1.id]);
    assert.equal((await findOauthGrant(db(), b2))?.revokedAt, null);
    assert.equal((await findOauthGrant(db(), elsewhere))?.revokedAt, null);
    const since = async (time: number) =>
      (await listOauthGrantsRevokedSince(db(), time)).filter((revoked) => revoked.tenantId === tenantId);
    assert.deepEqual(await since(NOW + 6), [{ tenantId, id: b1.id, revokedAt: NOW + 6 }]);
    assert.equal((await since(NOW + 5)).length, 3);
    assert.deepEqual(await since(NOW + 7), []);
  });

  test('grants in force are counted; those that ended long ago are forgotten', async () => {
    const tenantId = await newTenant(db());
    const clientId = 'counted';
    const expired = await newGrant(db(), tenantId, { clientId, expiresAt: 10 });
    const revoked = await newGrant(db(), tenantId, { clientId });
    await newGrant(db(), tenantId, { clientId, expiresAt: null });
    await newGrant(db(), tenantId, { clientId });
    await revokeOauthGrant(db(), revoked, 'x', 20);
    assert.equal(await countOauthGrantsOfClient(db(), { tenantId, clientId }, NOW), 2);
    await deleteOauthGrantsEndedBefore(db(), 15);
    assert.equal(await findOauthGrant(db(), expired), null);
    assert.notEqual(await findOauthGrant(db(), revoked), null);
    await deleteOauthGrantsEndedBefore(db(), 21);
    assert.equal((await listOauthGrants(db(), { tenantId, limit: 9 })).items.length, 2);
  });

  test('what one person has too much of a client is what was not used for longest', async () => {
    const tenantId = await newTenant(db());
    const clientId = 'shared';
    const given = async (createdAt: number, change: Partial<NewOauthGrant> = {}) =>
      newGrant(db(), tenantId, { clientId, createdAt, expiresAt: null, ...change });
    const used = await given(1);
    const oldest = await given(2);
    const next = await given(3);
    const newest = await given(4);
    await given(0, { expiresAt: 1 });
    await given(0, { principal: { kind: 'user', id: 'usr_2' } });
    await revokeOauthGrant(db(), await given(0), 'x', NOW);
    await touchOauthGrant(db(), used, 5, 0);
    const surplus = (keep: number) =>
      listSurplusOauthGrants(db(), { tenantId, clientId, principalId: 'usr_1', keep }, NOW);
    assert.deepEqual(await surplus(2), [next.id, oldest.id]);
    assert.deepEqual(await surplus(1), [newest.id, next.id, oldest.id]);
    assert.deepEqual(await surplus(4), []);
  });

  test('a use is noted at most every so often, and a grant goes with the person who gave it', async () => {
    const tenantId = await newTenant(db());
    const user = await newUser(db(), tenantId);
    const grant = await newGrant(db(), tenantId, { principal: { kind: 'user', id: user.id } });
    const used = async (at: number) => {
      await touchOauthGrant(db(), grant, at, 1000);
      return (await findOauthGrant(db(), grant))?.lastUsedAt;
    };
    assert.deepEqual([await used(NOW), await used(NOW + 999), await used(NOW + 1001)], [NOW, NOW, NOW + 1001]);
    await deleteUser(db(), user);
    assert.equal(await findOauthGrant(db(), grant), null);
  });
};
