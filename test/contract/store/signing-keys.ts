import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  activateSigningKey,
  deleteRetiredSigningKey,
  insertSigningKey,
  listSigningKeys,
  type NewSigningKey,
} from '../../../src/store/signing-keys.ts';
import { deleteUsedTokenIdsBefore, useTokenId } from '../../../src/store/used-token-ids.ts';
import { NOW, newTenant, type Suite } from './fixture.ts';

const keyOf = (tenantId: string, kid: string, state: 'next' | 'active', createdAt = NOW): NewSigningKey => ({
  tenantId,
  kid,
  algorithm: 'ES256',
  publicJwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
  state,
  createdAt,
});

export const signingKeys: Suite = (db) => {
  test('a tenant has one active and one next key, also when several are added at once', async () => {
    const [tenantId, other] = [await newTenant(db()), await newTenant(db())];
    for (const state of ['active', 'next'] as const) {
      const added = await Promise.all(
        Array.from({ length: 5 }, (_, i) => insertSigningKey(db(), keyOf(tenantId, `${state}${i}`, state))),
      );
      assert.equal(added.filter(Boolean).length, 1, state);
    }
    assert.equal(await insertSigningKey(db(), keyOf(other, 'active0', 'active')), true);
    const [active, next] = await listSigningKeys(db(), tenantId);
    assert.deepEqual(active, { ...keyOf(tenantId, active!.kid, 'active'), activatedAt: NOW, retiredAt: null });
    assert.deepEqual(next, { ...keyOf(tenantId, next!.kid, 'next'), activatedAt: null, retiredAt: null });
    assert.equal((await listSigningKeys(db(), other)).length, 1);
  });

  test('the next key takes the place of the active one, of simultaneous attempts once', async () => {
    const tenantId = await newTenant(db());
    await insertSigningKey(db(), keyOf(tenantId, 'a', 'active'));
    await insertSigningKey(db(), keyOf(tenantId, 'b', 'next', NOW + 1));
    const ref = { tenantId, kid: 'b' };
    assert.equal(await activateSigningKey(db(), { tenantId, kid: 'a' }, NOW + 2), false);
    assert.equal(await activateSigningKey(db(), { tenantId, kid: 'unknown' }, NOW + 2), false);
    assert.equal(await activateSigningKey(db(), { ...ref, tenantId: await newTenant(db()) }, NOW + 2), false);
    const done = await Promise.all(Array.from({ length: 5 }, () => activateSigningKey(db(), ref, NOW + 3)));
    assert.equal(done.filter(Boolean).length, 1);
    const states = (await listSigningKeys(db(), tenantId)).map((key) => [key.kid, key.state, key.retiredAt]);
    assert.deepEqual(states, [
      ['a', 'retired', NOW + 3],
      ['b', 'active', null],
    ]);
    assert.equal(await insertSigningKey(db(), keyOf(tenantId, 'c', 'next', NOW + 4)), true);
    assert.equal(await activateSigningKey(db(), { tenantId, kid: 'c' }, NOW + 5), true);
    assert.equal((await listSigningKeys(db(), tenantId)).filter(({ state }) => state === 'retired').length, 2);
  });

  test('only a retired key can be removed', async () => {
    const tenantId = await newTenant(db());
    await insertSigningKey(db(), keyOf(tenantId, 'a', 'active'));
    await insertSigningKey(db(), keyOf(tenantId, 'b', 'next'));
    assert.equal(await deleteRetiredSigningKey(db(), { tenantId, kid: 'a' }), false);
    assert.equal(await deleteRetiredSigningKey(db(), { tenantId, kid: 'b' }), false);
    await activateSigningKey(db(), { tenantId, kid: 'b' });
    assert.equal(await deleteRetiredSigningKey(db(), { tenantId: await newTenant(db()), kid: 'a' }), false);
    assert.equal(await deleteRetiredSigningKey(db(), { tenantId, kid: 'a' }), true);
    assert.equal(await deleteRetiredSigningKey(db(), { tenantId, kid: 'a' }), false);
  });
};

export const usedTokenIds: Suite = (db) => {
  test('an id is used once per issuer and tenant, also by many at once', async () => {
    const [tenantId, other] = [await newTenant(db()), await newTenant(db())];
    const used = { tenantId, issuer: 'https://idp.example', idHash: 'a'.repeat(64), expiresAt: NOW };
    const done = await Promise.all(Array.from({ length: 20 }, () => useTokenId(db(), used)));
    assert.equal(done.filter(Boolean).length, 1);
    assert.equal(await useTokenId(db(), { ...used, issuer: 'https://idp.example/' }), true);
    assert.equal(await useTokenId(db(), { ...used, tenantId: other }), true);
    assert.equal(await useTokenId(db(), used), false);
  });

  test('an id is forgotten when it could not be used any more', async () => {
    const tenantId = await newTenant(db());
    const used = (idHash: string, expiresAt: number) => useTokenId(db(), { tenantId, issuer: 'i', idHash, expiresAt });
    await used('old', 1000);
    await used('new', 2000);
    await deleteUsedTokenIdsBefore(db(), 2000);
    assert.deepEqual([await used('old', 3000), await used('new', 3000)], [true, false]);
  });
};
