import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../../src/lib/ids.ts';
import {
  type Consent,
  deleteConsents,
  findConsent,
  listConsentsOfUser,
  putConsent,
} from '../../../src/store/consents.ts';
import {
  deleteOauthClient,
  deleteUnusedOauthClients,
  findOauthClient,
  insertOauthClient,
  keepOauthClientFresh,
  listAddedClientsOf,
  listOauthClients,
  type NewOauthClient,
  putOauthClient,
  setOauthClientStatus,
  touchOauthClient,
} from '../../../src/store/oauth-clients.ts';
import { insertOauthGrant, revokeOauthGrant } from '../../../src/store/oauth-grants.ts';
import { deleteUser } from '../../../src/store/users.ts';
import { NOW, newTenant, newUser, readAll, rejectsWith, type Suite } from './fixture.ts';

const HOUR = 3_600_000;

const clientIn = (tenantId: string, more: Partial<NewOauthClient> = {}): NewOauthClient => ({
  tenantId,
  id: newId('cli'),
  source: 'dynamic',
  name: 'A client',
  status: 'active',
  metadata: { redirect_uris: ['http://127.0.0.1/'] },
  address: '192.0.2.1',
  ...more,
});

export const oauthClients: Suite = (db) => {
  test('a client comes back as it was registered, in its tenant only', async () => {
    const [a, b] = [await newTenant(db()), await newTenant(db())];
    const client = clientIn(a, { secretHash: 'hash', serviceAccountId: 'sva_1', etag: '"1"', freshUntil: NOW + 5 });
    const stored = await insertOauthClient(db(), client, NOW);
    assert.deepEqual(stored, { ...client, maker: null, version: 1, createdAt: NOW, updatedAt: NOW, lastUsedAt: null });
    assert.deepEqual(await findOauthClient(db(), client), stored);
    assert.equal(await findOauthClient(db(), { ...client, tenantId: b }), null);
    assert.equal(await setOauthClientStatus(db(), { ...client, tenantId: b }, 1, 'revoked', NOW), null);
    assert.equal(await deleteOauthClient(db(), { ...client, tenantId: b }), false);
    await rejectsWith('conflict', insertOauthClient(db(), client, NOW));
    assert.equal(await deleteOauthClient(db(), client), true);
    assert.equal(await findOauthClient(db(), client), null);
  });

  test('describing a client anew keeps where it came from and that it was revoked', async () => {
    const client = clientIn(await newTenant(db()), { source: 'metadata_document', etag: '"1"' });
    await putOauthClient(db(), client, NOW);
    await setOauthClientStatus(db(), client, 1, 'revoked', NOW + 1);
    const again = { ...client, name: 'Another name', status: 'active', address: 'elsewhere', etag: '"2"' } as const;
    const stored = await putOauthClient(db(), again, NOW + 2);
    assert.deepEqual(
      [stored.name, stored.status, stored.address, stored.etag, stored.version, stored.createdAt, stored.updatedAt],
      ['Another name', 'revoked', '192.0.2.1', '"2"', 3, NOW, NOW + 2],
    );
  });

  test('clients that were added for a service account are found by it, with who made them', async () => {
    const tenantId = await newTenant(db());
    const maker = { id: 'usr_maker', level: 'admin' } as const;
    const added = clientIn(tenantId, { source: 'added', serviceAccountId: 'sva_1', maker });
    await insertOauthClient(db(), added, NOW);
    await insertOauthClient(db(), clientIn(tenantId, { source: 'pre_registered', serviceAccountId: 'sva_1' }), NOW);
    await insertOauthClient(db(), clientIn(tenantId, { source: 'added', serviceAccountId: 'sva_2' }), NOW);
    const found = await listAddedClientsOf(db(), { tenantId, serviceAccountId: 'sva_1' });
    assert.deepEqual(
      found.map(({ id, maker: by }) => ({ id, by })),
      [{ id: added.id, by: maker }],
    );
    assert.deepEqual(await listAddedClientsOf(db(), { tenantId: 'other', serviceAccountId: 'sva_1' }), []);
    await setOauthClientStatus(db(), added, 1, 'revoked', NOW);
    assert.deepEqual(await listAddedClientsOf(db(), { tenantId, serviceAccountId: 'sva_1' }), []);
  });

  test('a change of status needs the version that it is based on', async () => {
    const client = clientIn(await newTenant(db()), { status: 'pending' });
    await insertOauthClient(db(), client, NOW);
    assert.equal(await setOauthClientStatus(db(), client, 2, 'active', NOW), null);
    const approved = await setOauthClientStatus(db(), client, 1, 'active', NOW + 1);
    assert.deepEqual([approved?.status, approved?.version, approved?.updatedAt], ['active', 2, NOW + 1]);
  });

  test('clients are listed in pages: all, of a source, of a status', async () => {
    const tenantId = await newTenant(db());
    for (const source of ['dynamic', 'pre_registered', 'dynamic'] as const) {
      for (const status of ['active', 'pending'] as const) {
        await insertOauthClient(db(), clientIn(tenantId, { source, status }), NOW);
      }
    }
    const ids = async (filter: object) =>
      (await readAll(2, (after) => listOauthClients(db(), { tenantId, limit: 2, after, ...filter }))).length;
    assert.deepEqual(
      [await ids({}), await ids({ source: 'dynamic' }), await ids({ source: 'dynamic', status: 'pending' })],
      [6, 4, 2],
    );
  });

  test('a use is noted now and then, and makes no new version', async () => {
    const client = clientIn(await newTenant(db()));
    await insertOauthClient(db(), client, NOW);
    const usedAt = async () => (await findOauthClient(db(), client))!.lastUsedAt;
    await touchOauthClient(db(), client, NOW + 10, HOUR);
    await touchOauthClient(db(), client, NOW + HOUR, HOUR);
    assert.equal(await usedAt(), NOW + 10);
    await touchOauthClient(db(), client, NOW + 11 + HOUR, HOUR);
    assert.equal(await usedAt(), NOW + 11 + HOUR);
    await keepOauthClientFresh(db(), client, NOW + 99);
    const { freshUntil, version } = (await findOauthClient(db(), client))!;
    assert.deepEqual([freshUntil, version], [NOW + 99, 1]);
  });

  test('forgetting unused clients never takes one that was used, has a grant in force, or was revoked', async () => {
    const [tenantId, other] = [await newTenant(db()), await newTenant(db())];
    const add = async (more: Partial<NewOauthClient> = {}, at = NOW) => {
      const client = clientIn(tenantId, more);
      await insertOauthClient(db(), client, at);
      return client;
    };
    const give = async ({ id: clientId }: { id: string }, grant: { expiresAt: number | null; revoked?: boolean }) => {
      const id = newId('grt');
      const { expiresAt, revoked } = grant;
      const rest = { clientName: '', resource: '', scopes: [], payload: {}, address: '', createdAt: NOW };
      await insertOauthGrant(db(), {
        tenantId,
        id,
        clientId,
        principal: { kind: 'user', id: 'u' },
        expiresAt,
        ...rest,
      });
      if (revoked) await revokeOauthGrant(db(), { tenantId, id }, 'test', NOW);
    };
    const unused = await add();
    const young = await add({}, NOW + 2 * HOUR);
    const used = await add();
    await touchOauthClient(db(), used, NOW + 2 * HOUR, 0);
    const granted = await add();
    await give(granted, { expiresAt: null });
    const grantedFor = await add();
    await give(grantedFor, { expiresAt: NOW + 10 * HOUR });
    const over = await add();
    await give(over, { expiresAt: NOW + HOUR });
    const ended = await add();
    await give(ended, { expiresAt: null, revoked: true });
    const revoked = await add({ status: 'revoked' });
    const configured = await add({ source: 'pre_registered' });
    const elsewhere = clientIn(other);
    await insertOauthClient(db(), elsewhere, NOW);

    const forgotten = await deleteUnusedOauthClients(
      db(),
      { tenantId, source: 'dynamic', unusedSince: NOW + HOUR },
      NOW + 3 * HOUR,
    );
    assert.deepEqual(forgotten.sort(), [unused.id, over.id, ended.id].sort());
    for (const kept of [young, used, granted, grantedFor, revoked, configured, elsewhere]) {
      assert.notEqual(await findOauthClient(db(), kept), null);
    }
  });
};

export const consents: Suite = (db) => {
  test('a consent is for one user, client, redirect host and resource', async () => {
    const [tenantId, other] = [await newTenant(db()), await newTenant(db())];
    const [ann, ben] = [await newUser(db(), tenantId), await newUser(db(), tenantId)];
    const consent: Consent = {
      tenantId,
      userId: ann.id,
      clientId: 'c1',
      redirectHost: 'app.example',
      resource: 'https://gateway.example/mcp',
      scopes: ['mcp:jira', 'mcp:wiki:read'],
      createdAt: NOW,
      expiresAt: NOW + 1000,
    };
    await putConsent(db(), consent);
    assert.deepEqual(await findConsent(db(), consent, NOW), consent);
    for (const change of [
      { tenantId: other },
      { userId: ben.id },
      { clientId: 'c2' },
      { redirectHost: 'evil.example' },
      { resource: 'https://gateway.example/mcp/jira' },
    ]) {
      assert.equal(await findConsent(db(), { ...consent, ...change }, NOW), null, JSON.stringify(change));
    }
    assert.equal(await findConsent(db(), consent, NOW + 1000), null, 'expired');
    const wider = { ...consent, scopes: ['mcp'], expiresAt: null };
    await putConsent(db(), wider);
    assert.deepEqual(await findConsent(db(), consent, NOW + 1000), wider);
  });

  test('consents are listed newest first, and forgotten by user, by client, by both, or with the user', async () => {
    const tenantId = await newTenant(db());
    const [ann, ben] = [await newUser(db(), tenantId), await newUser(db(), tenantId)];
    let createdAt = NOW;
    for (const { id: userId } of [ann, ben]) {
      for (const clientId of ['c1', 'c2', 'c3']) {
        const ref = { tenantId, userId, clientId, redirectHost: 'h', resource: 'r' };
        await putConsent(db(), { ...ref, scopes: [], createdAt: createdAt++, expiresAt: null });
      }
    }
    const clientsOf = async (userId: string) =>
      (await listConsentsOfUser(db(), { tenantId, userId })).map(({ clientId }) => clientId);
    assert.deepEqual(await clientsOf(ann.id), ['c3', 'c2', 'c1']);
    assert.equal(await deleteConsents(db(), { tenantId, userId: ann.id, clientId: 'c1' }), 1);
    assert.equal(await deleteConsents(db(), { tenantId, clientId: 'c2' }), 2);
    assert.deepEqual([await clientsOf(ann.id), await clientsOf(ben.id)], [['c3'], ['c3', 'c1']]);
    assert.equal(await deleteConsents(db(), { tenantId, userId: ann.id }), 1);
    await deleteUser(db(), ben);
    assert.deepEqual([await clientsOf(ann.id), await clientsOf(ben.id)], [[], []]);
  });
};
