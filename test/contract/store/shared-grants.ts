import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../../src/lib/ids.ts';
import { isGrantInUse } from '../../../src/store/grant-in-use.ts';
import {
  expediteRevocations,
  insertProviderRevocation,
  listDueRevocations,
  settleRevocation,
} from '../../../src/store/provider-revocations.ts';
import { patchConnection, putConnection, type UpstreamConnection } from '../../../src/store/upstream-connections.ts';
import { NOW, newTenant, type Suite } from './fixture.ts';

const ISSUER = 'https://idp.example';
const CLIENT_ID = 'toolgate';
const ANN = { kind: 'user', id: 'usr_ann' } as const;
const BEN = { kind: 'user', id: 'usr_ben' } as const;

/** What several connections may have been given as one grant, and what waits to be revoked because of that. */
export const sharedGrants: Suite = (db) => {
  test('a grant is in use by another connection of its account, or of its owner where nobody knows the account', async () => {
    const tenantId = await newTenant(db());
    const grant = { tenantId, issuer: ISSUER, clientId: CLIENT_ID };
    const inUse = (owner: UpstreamConnection['owner'], account: string | null, change: object = {}) =>
      isGrantInUse(db(), { ...grant, owner, account, ...change });
    const connect = async (owner: UpstreamConnection['owner'], account: string | null) => {
      const times = { expiresAt: NOW, refreshExpiresAt: null, refreshDueAt: null };
      const made = { ...grant, ...times, upstream: 'up', scopes: [], generation: 1, owner, account };
      return (await putConnection(db(), { ...made, id: newId('con'), grantId: newId('cgr') }, NOW))!;
    };
    assert.equal(await inUse(ANN, 'ann'), false);
    const known = await connect(ANN, 'ann');
    assert.deepEqual(await Promise.all([inUse(ANN, 'ann'), inUse(BEN, 'ann')]), [true, true], 'by whomever');
    assert.equal(await inUse(ANN, null), true);
    assert.deepEqual(await Promise.all([inUse(ANN, 'other'), inUse(BEN, 'ben'), inUse(BEN, null)]), [
      false,
      false,
      false,
    ]);
    for (const change of [{ issuer: 'https://other.example' }, { clientId: 'other' }, { tenantId: 'other' }]) {
      assert.equal(await inUse(ANN, 'ann', change), false);
    }
    await patchConnection(db(), known, { state: 'needs_reauth' }, NOW);
    assert.equal(await inUse(ANN, 'ann'), false, 'nothing lives on it any more');
    await connect(BEN, null);
    assert.deepEqual(await Promise.all([inUse(BEN, 'ben'), inUse(ANN, 'ben')]), [true, false]);
  });

  test('what waits of one owner at one provider can be made due, and nothing else', async () => {
    const tenantId = await newTenant(db());
    const add = (id: string, change: object = {}) =>
      insertProviderRevocation(db(), {
        tenantId,
        id,
        upstream: 'up',
        owner: ANN,
        issuer: ISSUER,
        createdAt: NOW,
        ...change,
      });
    await add('mine');
    await add('elsewhere', { issuer: 'https://other.example' });
    await add('theirs', { owner: BEN });
    await add('done');
    const later = { lastError: null, nextAt: NOW + 60_000 };
    for (const id of ['mine', 'elsewhere', 'theirs']) {
      await settleRevocation(db(), { tenantId, id }, { ...later, state: 'waiting' }, NOW);
    }
    await settleRevocation(db(), { tenantId, id: 'done' }, { ...later, state: 'done' }, NOW);
    await expediteRevocations(db(), { tenantId, issuer: ISSUER, owner: ANN }, NOW);
    const due = await listDueRevocations(db(), { tenantId, now: NOW, limit: 10 });
    assert.deepEqual(
      due.map(({ id }) => id),
      ['mine'],
    );
  });
};
