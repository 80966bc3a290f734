import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  claimIdempotencyKey,
  completeIdempotencyKey,
  deleteIdempotencyKeysBefore,
  releaseIdempotencyKey,
} from '../../../src/store/idempotency-keys.ts';
import { claimSetting, deleteSetting, findSetting, putSetting } from '../../../src/store/settings.ts';
import {
  allUpstreams,
  findUpstream,
  insertUpstream,
  listUpstreams,
  updateUpstream,
} from '../../../src/store/upstreams.ts';
import { NOW, newTenant, readAll, rejectsWith, type Suite } from './fixture.ts';

export const administration: Suite = (db) => {
  test('an upstream keeps its configuration exactly and is changed in the expected version only', async () => {
    const tenantId = await newTenant(db());
    const config = {
      url: 'https://example.org/mcp?a=1&b="2"',
      nested: { list: [1, 2.5, null, true], text: 'ü\u0000😀' },
    };
    const upstream = await insertUpstream(db(), { tenantId, name: 'github', config, enabled: true, createdAt: NOW });
    assert.deepEqual(upstream, {
      tenantId,
      name: 'github',
      config,
      enabled: true,
      version: 1,
      createdAt: NOW,
      updatedAt: NOW,
    });
    assert.deepEqual(await findUpstream(db(), upstream), upstream);
    const again = insertUpstream(db(), { tenantId, name: 'github', config: {}, enabled: false, createdAt: NOW });
    await rejectsWith('conflict', again, /upstream with this name/);
    const off = await updateUpstream(db(), upstream, 1, { enabled: false }, NOW + 1);
    assert.deepEqual(off, { ...upstream, enabled: false, version: 2, updatedAt: NOW + 1 });
    assert.equal(await updateUpstream(db(), upstream, 1, { config: {} }), null);
    assert.deepEqual((await updateUpstream(db(), upstream, 2, { config: {} }))?.config, {});
  });

  test('upstreams are listed in pages by name and all at once', async () => {
    const tenantId = await newTenant(db());
    for (const name of ['c', 'a', 'b']) {
      await insertUpstream(db(), { tenantId, name, config: {}, enabled: true, createdAt: NOW });
    }
    const paged = await readAll(2, (after) => listUpstreams(db(), { tenantId, after, limit: 2 }));
    assert.deepEqual(
      paged.map((upstream) => upstream.name),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(await allUpstreams(db(), tenantId), paged);
  });

  test('of simultaneous requests with one idempotency key one gets the claim; later ones get its answer', async () => {
    const ref = { tenantId: await newTenant(db()), principalId: 'usr_ann', key: 'k-1' };
    const claims = await Promise.all([1, 2, 3].map(() => claimIdempotencyKey(db(), ref, 'hash', NOW)));
    assert.equal(claims.filter((claim) => claim === null).length, 1);
    const pending = { requestHash: 'hash', response: null, createdAt: NOW };
    assert.ok(claims.every((claim) => claim === null || claim.response === null));
    assert.deepEqual(await claimIdempotencyKey(db(), ref, 'other'), pending);
    await completeIdempotencyKey(db(), ref, { status: 201, body: { id: 'usr_1' } });
    const done = { ...pending, response: { status: 201, body: { id: 'usr_1' } } };
    assert.deepEqual(await claimIdempotencyKey(db(), ref, 'hash'), done);
    // Another principal's key of the same name is another key.
    assert.equal(await claimIdempotencyKey(db(), { ...ref, principalId: 'usr_bob' }, 'hash'), null);
  });

  test('a failed request frees its idempotency key, a completed one does not, and old ones are forgotten', async () => {
    const ref = { tenantId: await newTenant(db()), principalId: 'usr_ann', key: 'k-1' };
    await claimIdempotencyKey(db(), ref, 'hash', NOW);
    await releaseIdempotencyKey(db(), ref);
    assert.equal(await claimIdempotencyKey(db(), ref, 'hash', NOW), null);
    await completeIdempotencyKey(db(), ref, {});
    await releaseIdempotencyKey(db(), ref);
    await deleteIdempotencyKeysBefore(db(), NOW);
    assert.deepEqual((await claimIdempotencyKey(db(), ref, 'hash'))?.response, {});
    await deleteIdempotencyKeysBefore(db(), NOW + 1);
    assert.equal(await claimIdempotencyKey(db(), ref, 'hash'), null);
  });

  test('a setting is put over what was there, claimed only once, and removed', async () => {
    const ref = { tenantId: await newTenant(db()), key: 'first-start' };
    assert.equal(await findSetting(db(), ref), null);
    const claims = await Promise.all(['a', 'b', 'c'].map((value) => claimSetting(db(), ref, value)));
    assert.equal(claims.filter(Boolean).length, 1);
    assert.equal(await findSetting(db(), ref), ['a', 'b', 'c'][claims.indexOf(true)]);
    await putSetting(db(), ref, 'd');
    await putSetting(db(), { ...ref, key: 'other' }, 'e');
    assert.equal(await findSetting(db(), ref), 'd');
    assert.equal(await deleteSetting(db(), ref), true);
    assert.equal(await deleteSetting(db(), ref), false);
    assert.equal(await findSetting(db(), { ...ref, key: 'other' }), 'e');
  });
};
