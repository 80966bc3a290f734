import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256Hex } from '../../../src/lib/sha256.ts';
import {
  consumeOauthRecord,
  deleteExpiredOauthRecords,
  deleteOauthRecord,
  deleteOauthRecordsOfGrant,
  findOauthRecord,
  findOauthRecordByUserCode,
  insertOauthRecord,
  putOauthRecord,
} from '../../../src/store/oauth-records.ts';
import {
  deleteExpiredRefreshSuccessors,
  deleteRefreshSuccessorsOfGrant,
  findRefreshSuccessor,
  insertRefreshSuccessor,
} from '../../../src/store/refresh-successors.ts';
import { NOW, newTenant, rejectsWith, type Suite } from './fixture.ts';

const recordIn = (tenantId: string, id = 'code') => ({
  tenantId,
  kind: 'AuthorizationCode',
  idHash: sha256Hex(id),
  payload: { clientId: 'c', nested: { a: [1, null] } },
  grantId: 'grt_1',
  userCodeHash: sha256Hex(`user code of ${id}`),
  expiresAt: NOW + 1000,
});

export const oauthRecords: Suite = (db) => {
  test('a record is found by its id and by its user code, in its tenant and of its kind only', async () => {
    const [a, b] = [await newTenant(db()), await newTenant(db())];
    const record = recordIn(a);
    await putOauthRecord(db(), record);
    const stored = { ...record, consumedAt: null };
    assert.deepEqual(await findOauthRecord(db(), record), stored);
    assert.deepEqual(await findOauthRecordByUserCode(db(), record), stored);
    for (const other of [
      { ...record, tenantId: b },
      { ...record, kind: 'Session' },
    ]) {
      assert.equal(await findOauthRecord(db(), other), null);
      assert.equal(await findOauthRecordByUserCode(db(), other), null);
      assert.equal(await consumeOauthRecord(db(), other, NOW), false);
      assert.equal(await deleteOauthRecord(db(), other), false);
    }
    assert.equal(await deleteOauthRecord(db(), record), true);
    assert.equal(await findOauthRecord(db(), record), null);
  });

  test('of many who consume a record at once, one does; writing it again does not make it unused', async () => {
    const record = recordIn(await newTenant(db()));
    await putOauthRecord(db(), record);
    const consumed = await Promise.all(Array.from({ length: 20 }, () => consumeOauthRecord(db(), record, NOW)));
    assert.equal(consumed.filter(Boolean).length, 1);
    await putOauthRecord(db(), { ...record, payload: { changed: true } });
    const { consumedAt, payload } = (await findOauthRecord(db(), record))!;
    assert.deepEqual([consumedAt, payload], [NOW, { changed: true }]);
  });

  test('of many who add a record at once, one does', async () => {
    const record = recordIn(await newTenant(db()));
    const added = await Promise.all(Array.from({ length: 20 }, () => insertOauthRecord(db(), record)));
    assert.equal(added.filter(Boolean).length, 1);
  });

  test('the records of a grant end together, of one kind or all', async () => {
    const tenantId = await newTenant(db());
    const code = recordIn(tenantId);
    const token = { ...recordIn(tenantId), kind: 'RefreshToken' };
    const other = { ...recordIn(tenantId, 'other'), grantId: 'grt_2' };
    for (const record of [code, token, other]) await putOauthRecord(db(), record);
    await deleteOauthRecordsOfGrant(db(), { tenantId, grantId: 'grt_1', kind: 'AuthorizationCode' });
    assert.equal(await findOauthRecord(db(), code), null);
    assert.notEqual(await findOauthRecord(db(), token), null);
    await deleteOauthRecordsOfGrant(db(), { tenantId, grantId: 'grt_1' });
    assert.equal(await findOauthRecord(db(), token), null);
    assert.notEqual(await findOauthRecord(db(), other), null);
  });

  test('sweeping removes what has expired and keeps what never does', async () => {
    const tenantId = await newTenant(db());
    const short = recordIn(tenantId, 'short');
    const endless = { ...recordIn(tenantId, 'endless'), expiresAt: null };
    for (const record of [short, endless]) await putOauthRecord(db(), record);
    await deleteExpiredOauthRecords(db(), NOW + 1000);
    assert.notEqual(await findOauthRecord(db(), short), null);
    await deleteExpiredOauthRecords(db(), NOW + 1001);
    assert.equal(await findOauthRecord(db(), short), null);
    assert.notEqual(await findOauthRecord(db(), endless), null);
  });
};

export const refreshSuccessors: Suite = (db) => {
  const successorIn = (tenantId: string, tokenHash = 'hash') => ({
    tenantId,
    tokenHash,
    grantId: 'grt_1',
    sealedResponse: 'iv.box',
    keyThumbprint: null,
    expiresAt: NOW + 1000,
  });

  test('a replaced token has one answer, in its tenant only', async () => {
    const [a, b] = [await newTenant(db()), await newTenant(db())];
    const successor = { ...successorIn(a), keyThumbprint: 'jkt' };
    await insertRefreshSuccessor(db(), successor);
    assert.deepEqual(await findRefreshSuccessor(db(), successor), successor);
    assert.equal(await findRefreshSuccessor(db(), { ...successor, tenantId: b }), null);
    await rejectsWith('conflict', insertRefreshSuccessor(db(), { ...successor, sealedResponse: 'other' }));
    await insertRefreshSuccessor(db(), successorIn(b));
  });

  test('answers end with their grant, and when their time is over', async () => {
    const tenantId = await newTenant(db());
    const ofGrant = successorIn(tenantId, 'one');
    const later = { ...successorIn(tenantId, 'two'), grantId: 'grt_2', expiresAt: NOW + 5000 };
    const sooner = { ...successorIn(tenantId, 'three'), grantId: 'grt_2' };
    for (const successor of [ofGrant, later, sooner]) await insertRefreshSuccessor(db(), successor);
    await deleteRefreshSuccessorsOfGrant(db(), ofGrant);
    assert.equal(await findRefreshSuccessor(db(), ofGrant), null);
    await deleteExpiredRefreshSuccessors(db(), NOW + 1001);
    assert.equal(await findRefreshSuccessor(db(), sooner), null);
    assert.deepEqual(await findRefreshSuccessor(db(), later), later);
  });
};
