import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deleteDataKey,
  findDataKey,
  insertDataKey,
  listDataKeys,
  retireDataKey,
  rewrapDataKey,
} from '../../../src/store/data-keys.ts';
import {
  deleteSecret,
  findSecret,
  listSecrets,
  listSecretsNotUnder,
  rekeySecret,
  type SecretRef,
  updateSecret,
} from '../../../src/store/secrets.ts';
import { deleteUpstream, insertUpstream } from '../../../src/store/upstreams.ts';
import { NOW, newDataKey, newSecret, newTenant, readAll, rejectsWith, type Suite } from './fixture.ts';

const shared = { kind: 'shared', id: '' } as const;
const ann = { kind: 'user', id: 'usr_ann' } as const;

const refIn = (tenantId: string, more: Partial<SecretRef> = {}): SecretRef => ({
  tenantId,
  upstream: 'github',
  owner: shared,
  name: 'authorization',
  ...more,
});

export const secrets: Suite = (db) => {
  test('a secret is one of its upstream, owner and name, and starts in version 1', async () => {
    const tenantId = await newTenant(db());
    const { id: dataKeyId } = await newDataKey(db(), tenantId);
    const refs = [
      refIn(tenantId),
      refIn(tenantId, { owner: ann }),
      refIn(tenantId, { owner: { kind: 'service_account', id: ann.id } }),
      refIn(tenantId, { upstream: 'gitlab' }),
      refIn(tenantId, { name: 'x-api-key' }),
    ];
    for (const ref of refs) {
      assert.equal(await findSecret(db(), ref), null);
      const secret = await newSecret(db(), ref, dataKeyId);
      assert.deepEqual(secret, {
        ...ref,
        id: secret.id,
        dataKeyId,
        envelope: 'v1.x',
        version: 1,
        createdAt: NOW,
        updatedAt: NOW,
      });
      assert.deepEqual(await findSecret(db(), ref), secret);
      await rejectsWith('conflict', newSecret(db(), ref, dataKeyId), /secret with this name/);
    }
  });

  test('an update replaces the envelope of the expected version only', async () => {
    const tenantId = await newTenant(db());
    const [one, two] = [await newDataKey(db(), tenantId), await newDataKey(db(), tenantId)];
    const secret = await newSecret(db(), refIn(tenantId), one.id);
    const next = { envelope: 'v1.y', dataKeyId: two.id };
    assert.equal(await updateSecret(db(), secret, { id: 'sec_other', version: 1 }, next), null, 'one of before');
    const changed = await updateSecret(db(), secret, secret, next, NOW + 1);
    assert.deepEqual(changed, { ...secret, ...next, version: 2, updatedAt: NOW + 1 });
    assert.equal(await updateSecret(db(), secret, secret, next), null);
    assert.equal(await updateSecret(db(), { ...secret, name: 'other' }, secret, next), null);
    assert.deepEqual(await findSecret(db(), secret), changed);
  });

  test('moving to another data key keeps version and time, and loses against a new value or another move', async () => {
    const tenantId = await newTenant(db());
    const [one, two] = [await newDataKey(db(), tenantId), await newDataKey(db(), tenantId)];
    const secret = await newSecret(db(), refIn(tenantId), one.id);
    const next = { envelope: 'v1.y', dataKeyId: two.id };
    assert.equal(await rekeySecret(db(), secret, { version: 2, dataKeyId: one.id }, next), null);
    assert.deepEqual(await rekeySecret(db(), secret, secret, next), { ...secret, ...next });
    assert.equal(await rekeySecret(db(), secret, secret, next), null);
  });

  test('secrets are removed once', async () => {
    const tenantId = await newTenant(db());
    const secret = await newSecret(db(), refIn(tenantId), (await newDataKey(db(), tenantId)).id);
    assert.equal(await deleteSecret(db(), secret), true);
    assert.equal(await deleteSecret(db(), secret), false);
    assert.equal(await findSecret(db(), secret), null);
  });

  test('a list shows no ciphertext, and can be that of an upstream, of an owner, or both', async () => {
    const tenantId = await newTenant(db());
    const { id: dataKeyId } = await newDataKey(db(), tenantId);
    for (const owner of [shared, ann]) {
      for (const upstream of ['github', 'gitlab'])
        await newSecret(db(), refIn(tenantId, { owner, upstream }), dataKeyId);
    }
    const read = (filter: object) => readAll(3, (after) => listSecrets(db(), { tenantId, after, limit: 3, ...filter }));
    const all = await read({});
    assert.equal(all.length, 4);
    assert.ok(all.every((secret) => !('envelope' in secret)));
    assert.equal((await read({ upstream: 'github' })).length, 2);
    assert.equal((await read({ owner: ann })).length, 2);
    assert.deepEqual(
      (await read({ owner: ann, upstream: 'gitlab' })).map((secret) => [secret.owner, secret.upstream]),
      [[ann, 'gitlab']],
    );
  });

  test('a rotation sees every secret that is not under the new data key', async () => {
    const tenantId = await newTenant(db());
    const [one, two] = [await newDataKey(db(), tenantId), await newDataKey(db(), tenantId)];
    for (let i = 0; i < 5; i++) await newSecret(db(), refIn(tenantId, { name: `n${i}` }), i === 0 ? two.id : one.id);
    const rest = await readAll(2, (after) =>
      listSecretsNotUnder(db(), { tenantId, dataKeyId: two.id, after, limit: 2 }),
    );
    assert.deepEqual(rest.map((secret) => secret.name).sort(), ['n1', 'n2', 'n3', 'n4']);
    assert.ok(rest.every((secret) => secret.envelope === 'v1.x'));
  });

  test('a data key is found, listed oldest first, rewrapped once and retired once', async () => {
    const tenantId = await newTenant(db());
    const key = { tenantId, id: 'dk_b', wrapped: 'w1', masterKeyId: 'mk1', createdAt: NOW };
    const stored = await insertDataKey(db(), key);
    assert.deepEqual(stored, { ...key, retiredAt: null });
    assert.deepEqual(await findDataKey(db(), key), stored);
    await rejectsWith('conflict', insertDataKey(db(), key));
    await insertDataKey(db(), { ...key, id: 'dk_a', createdAt: NOW + 1 });
    const ids = async (filter: object) => (await listDataKeys(db(), filter)).map((item) => item.id);
    assert.deepEqual(await ids({ tenantId }), ['dk_b', 'dk_a']);
    assert.ok((await ids({})).length >= 2);

    const next = { wrapped: 'w2', masterKeyId: 'mk2' };
    assert.deepEqual(await rewrapDataKey(db(), key, 'mk1', next), { ...stored, ...next });
    assert.equal(await rewrapDataKey(db(), key, 'mk1', next), null);
    assert.equal(await retireDataKey(db(), key, NOW + 2), true);
    assert.equal(await retireDataKey(db(), key, NOW + 3), false);
    assert.equal((await findDataKey(db(), key))?.retiredAt, NOW + 2);
  });

  test('a data key cannot go while a secret needs it, and a secret cannot name one that is not there', async () => {
    const tenantId = await newTenant(db());
    const key = await newDataKey(db(), tenantId);
    const secret = await newSecret(db(), refIn(tenantId), key.id);
    await rejectsWith('conflict', deleteDataKey(db(), key), /still refers/);
    await rejectsWith('conflict', newSecret(db(), refIn(tenantId, { name: 'y' }), 'dk_none'), /does not exist/);
    await deleteSecret(db(), secret);
    assert.equal(await deleteDataKey(db(), key), true);
    assert.equal(await deleteDataKey(db(), key), false);
  });

  test('removing an upstream removes its secrets, and those of no other', async () => {
    const tenantId = await newTenant(db());
    const { id: dataKeyId } = await newDataKey(db(), tenantId);
    for (const name of ['github', 'gitlab']) {
      await insertUpstream(db(), { tenantId, name, config: {}, enabled: true, createdAt: NOW });
      await newSecret(db(), refIn(tenantId, { upstream: name }), dataKeyId);
      await newSecret(db(), refIn(tenantId, { upstream: name, owner: ann }), dataKeyId);
    }
    assert.equal(await deleteUpstream(db(), { tenantId, name: 'github' }), true);
    assert.equal(await deleteUpstream(db(), { tenantId, name: 'github' }), false);
    const left = (await listSecrets(db(), { tenantId, limit: 9 })).items.map((secret) => secret.upstream);
    assert.deepEqual(left, ['gitlab', 'gitlab']);
  });
};
