import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../../src/lib/ids.ts';
import { extendLease, listLeased, releaseLease, settleLease, takeLease } from '../../../src/store/connection-leases.ts';
import type { Database } from '../../../src/store/database.ts';
import { listConnectionsToWarn, listDueConnections, markWarned } from '../../../src/store/due-connections.ts';
import {
  CONNECTION_TOKENS,
  deleteEndedConnection,
  endConnection,
  endConnectionsOfOwner,
  listEndingConnections,
} from '../../../src/store/ending-connections.ts';
import {
  claimRevocation,
  countWaitingRevocations,
  deleteSettledRevocations,
  insertProviderRevocation,
  listDueRevocations,
  listRevocationsSince,
  settleRevocation,
} from '../../../src/store/provider-revocations.ts';
import { findSecret } from '../../../src/store/secrets.ts';
import { touchConnections } from '../../../src/store/touch-connections.ts';
import {
  deleteUpstreamClient,
  insertUpstreamClient,
  listUpstreamClients,
  type UpstreamClient,
} from '../../../src/store/upstream-clients.ts';
import {
  countConnections,
  findConnection,
  listConnections,
  listConnectionsChangedSince,
  type NewUpstreamConnection,
  patchConnection,
  putConnection,
  type UpstreamConnection,
} from '../../../src/store/upstream-connections.ts';
import { deleteUpstream, insertUpstream } from '../../../src/store/upstreams.ts';
import { deleteUser } from '../../../src/store/users.ts';
import { NOW, newDataKey, newSecret, newTenant, newUser, readAll, type Suite } from './fixture.ts';

const newConnection = (tenantId: string, change: Partial<NewUpstreamConnection> = {}): NewUpstreamConnection => ({
  tenantId,
  upstream: 'github',
  owner: { kind: 'user', id: 'usr_1' },
  id: newId('con'),
  grantId: newId('cgr'),
  issuer: 'https://idp.example',
  clientId: 'toolgate',
  scopes: ['repo', 'read:org'],
  account: 'ann',
  generation: 1,
  expiresAt: NOW + 3_600_000,
  refreshExpiresAt: null,
  refreshDueAt: null,
  ...change,
});

async function put(
  db: Database,
  tenantId: string,
  change: Partial<NewUpstreamConnection> = {},
  now = NOW,
): Promise<UpstreamConnection> {
  return (await putConnection(db, newConnection(tenantId, change), now))!;
}

export const upstreamConnections: Suite = (db) => {
  test('a connection comes back as it was made, in its tenant only, and connecting anew keeps its id and nothing else', async () => {
    const [tenantId, other] = [await newTenant(db()), await newTenant(db())];
    const made = newConnection(tenantId);
    const first = (await putConnection(db(), made, NOW))!;
    assert.deepEqual(first, {
      ...made,
      ...{ state: 'connected', wantedScopes: [], failures: 0, refreshedAt: NOW, retryAt: null },
      ...{ lastError: null, lastErrorAt: null, lastUsedAt: null, lastUsedBy: null, leaseBy: null, leaseUntil: null },
      ...{ warnedAt: null, connectedAt: NOW, createdAt: NOW, updatedAt: NOW },
    });
    assert.deepEqual(await findConnection(db(), first), first);
    assert.equal(await findConnection(db(), { ...first, tenantId: other }), null);
    await patchConnection(db(), first, { state: 'needs_reauth', lastError: 'x', failures: 3 }, NOW + 1);
    const anew = await put(db(), tenantId, { grantId: 'cgr_2', account: 'ben', scopes: [] }, NOW + 2);
    assert.equal(anew.id, first.id);
    assert.deepEqual(
      [anew.state, anew.lastError, anew.failures, anew.account, anew.scopes, anew.createdAt, anew.connectedAt],
      ['connected', null, 0, 'ben', [], NOW, NOW + 2],
    );
    assert.equal(await patchConnection(db(), first, { failures: 9 }, NOW), null, 'of a former grant');
    assert.equal(await patchConnection(db(), { ...anew, tenantId: other }, { failures: 9 }, NOW), null);
  });

  test('connections are listed in pages: all, of an owner, at an upstream, changed since, counted', async () => {
    const tenantId = await newTenant(db());
    for (const upstream of ['a', 'b', 'c']) {
      for (const id of ['usr_1', 'usr_2']) await put(db(), tenantId, { upstream, owner: { kind: 'user', id } });
    }
    const shared = await put(db(), tenantId, { upstream: 'a', owner: { kind: 'shared', id: '' } }, NOW + 5);
    const list = (of: Partial<Parameters<typeof listConnections>[1]>) =>
      readAll(2, (after) => listConnections(db(), { tenantId, limit: 2, after, ...of }));
    const all = await list({});
    assert.equal(all.length, 7);
    assert.deepEqual(
      all.map(({ id }) => id),
      all.map(({ id }) => id).sort(),
    );
    assert.equal((await list({ upstream: 'a' })).length, 3);
    assert.equal((await list({ owner: { kind: 'user', id: 'usr_2' } })).length, 3);
    assert.deepEqual(await list({ owner: shared.owner, upstream: 'a' }), [shared]);
    const changed = await listConnectionsChangedSince(db(), { tenantId, since: NOW + 5 });
    assert.deepEqual(
      changed.map(({ id }) => id),
      [shared.id],
    );
    await endConnection(db(), shared, NOW + 6);
    assert.equal((await list({})).length, 6, 'what is ending is not there any more');
    const counted = await countConnections(db(), tenantId);
    assert.deepEqual(counted.map(({ upstream, state, count }) => `${upstream} ${state} ${count}`).sort(), [
      'a connected 2',
      'a ending 1',
      'b connected 2',
      'c connected 2',
    ]);
  });

  test('the last use is noted, and is no change', async () => {
    const tenantId = await newTenant(db());
    const made = await put(db(), tenantId);
    await touchConnections(db(), [{ ...made, at: NOW + 5, by: 'key_1' }]);
    await touchConnections(db(), [{ ...made, at: NOW + 4, by: 'key_0' }]);
    await touchConnections(db(), [{ ...made, tenantId: await newTenant(db()), at: NOW + 9, by: 'key_9' }]);
    const { lastUsedAt, lastUsedBy, updatedAt } = (await findConnection(db(), made))!;
    assert.deepEqual([lastUsedAt, lastUsedBy, updatedAt], [NOW + 5, 'key_1', NOW]);
  });

  test('of all who saw the same one gets the lease, and only it writes what came of it', async () => {
    const tenantId = await newTenant(db());
    const seen = await put(db(), tenantId);
    const tried = await Promise.all(
      Array.from({ length: 10 }, (_, i) => takeLease(db(), seen, { by: `p${i}`, until: NOW + 100 })),
    );
    const held = tried.filter((row) => row !== null);
    assert.equal(held.length, 1);
    const by = held[0]!.leaseBy!;
    assert.deepEqual(await listLeased(db(), { tenantId, now: NOW, latest: NOW + 1000 }), [
      { upstream: seen.upstream, owner: seen.owner },
    ]);
    assert.deepEqual(await listLeased(db(), { tenantId, now: NOW + 100, latest: NOW + 1000 }), []);
    assert.equal(await settleLease(db(), seen, 'another', { failures: 7 }, NOW), null);
    assert.equal(await extendLease(db(), seen, { by: 'another', until: NOW + 999 }), false);
    assert.equal(await extendLease(db(), seen, { by, until: NOW + 200 }), true);
    const done = await settleLease(db(), seen, by, { generation: 2, state: 'connected' }, NOW + 9);
    assert.deepEqual([done?.generation, done?.leaseBy, done?.leaseUntil, done?.updatedAt], [2, null, null, NOW + 9]);
    assert.equal(await takeLease(db(), seen, { by: 'late', until: NOW + 300 }), null, 'it saw former tokens');
    const again = await takeLease(db(), done!, { by: 'q', until: NOW + 300 });
    // Its process died; whoever sees that may take it over, and one does.
    const over = await Promise.all(['r', 's'].map((name) => takeLease(db(), again!, { by: name, until: NOW + 400 })));
    assert.equal(over.filter((row) => row !== null).length, 1);
    await releaseLease(db(), seen, 'q');
    assert.notEqual((await findConnection(db(), seen))?.leaseBy, null, 'it is not of q any more');
    await releaseLease(db(), seen, over.find((row) => row !== null)!.leaseBy!);
    assert.equal((await findConnection(db(), seen))?.leaseBy, null);
  });

  test('a connection that ends cannot be used, refreshed or made anew until it is cleared away', async () => {
    const tenantId = await newTenant(db());
    const made = await put(db(), tenantId);
    await takeLease(db(), made, { by: 'p', until: NOW + 100 });
    const ended = await Promise.all(Array.from({ length: 5 }, () => endConnection(db(), made, NOW + 1)));
    assert.equal(ended.filter((row) => row !== null).length, 1, 'one is told that it did it');
    assert.equal(await settleLease(db(), made, 'p', { state: 'connected' }, NOW), null);
    assert.equal(await patchConnection(db(), made, { state: 'connected' }, NOW), null);
    assert.equal(await putConnection(db(), newConnection(tenantId), NOW), null);
    assert.deepEqual(
      (await listEndingConnections(db(), { tenantId, limit: 9 })).map(({ id }) => id),
      [made.id],
    );
    assert.equal(await deleteEndedConnection(db(), { ...made, grantId: 'cgr_other' }), false);
    assert.equal(await deleteEndedConnection(db(), made), true);
    assert.equal(await deleteEndedConnection(db(), made), false);
    const anew = await put(db(), tenantId);
    assert.equal(await deleteEndedConnection(db(), anew), false, 'it does not end');
  });

  test('with a person and with an upstream all their connections end, and their tokens stay until they are revoked', async () => {
    const tenantId = await newTenant(db());
    const { id: dataKeyId } = await newDataKey(db(), tenantId);
    const user = await newUser(db(), tenantId);
    await insertUpstream(db(), { tenantId, name: 'github', config: {}, enabled: true, createdAt: NOW });
    const owner = { kind: 'user', id: user.id } as const;
    const made = await put(db(), tenantId, { owner });
    const shared = await put(db(), tenantId, { owner: { kind: 'shared', id: '' } });
    const elsewhere = await put(db(), tenantId, { upstream: 'jira', owner: { kind: 'shared', id: '' } });
    const refs = [made, shared].map(({ upstream, owner: whose }) => ({ tenantId, upstream, owner: whose }));
    for (const ref of refs) {
      for (const name of [CONNECTION_TOKENS, 'Authorization']) await newSecret(db(), { ...ref, name }, dataKeyId);
    }
    const state = async (of: UpstreamConnection) => (await findConnection(db(), of))?.state;
    const left = async (name: string) =>
      (await Promise.all(refs.map((ref) => findSecret(db(), { ...ref, name })))).map((secret) => secret !== null);
    await deleteUser(db(), user);
    assert.deepEqual([await state(made), await state(shared)], ['ending', 'connected']);
    assert.deepEqual(
      [await left(CONNECTION_TOKENS), await left('Authorization')],
      [
        [true, true],
        [false, true],
      ],
    );
    assert.equal(await endConnectionsOfOwner(db(), { tenantId, kind: 'user', id: user.id }, NOW), 0);
    await deleteUpstream(db(), { tenantId, name: 'github' });
    assert.deepEqual([await state(shared), await state(elsewhere)], ['ending', 'connected']);
    assert.deepEqual(
      [await left(CONNECTION_TOKENS), await left('Authorization')],
      [
        [true, true],
        [false, false],
      ],
    );
  });

  test('what is due: used and about to end, or a refresh token that must not be left alone; not what waits or is under way', async () => {
    const tenantId = await newTenant(db());
    const at = (upstream: string, change: Partial<NewUpstreamConnection> = {}) =>
      put(db(), tenantId, { upstream, ...change });
    const soon = { expiresAt: NOW + 50 };
    const used = await at('used', soon);
    await at('unused', soon);
    const later = await at('later');
    const kept = await at('kept', { refreshDueAt: NOW });
    const waiting = await at('waiting', { refreshDueAt: NOW });
    const leased = await at('leased', { refreshDueAt: NOW });
    const dead = await at('dead', { refreshDueAt: NOW });
    await touchConnections(
      db(),
      [used, later].map((row) => ({ ...row, at: NOW, by: 'key_1' })),
    );
    await patchConnection(db(), waiting, { state: 'failing', retryAt: NOW + 1 }, NOW);
    await takeLease(db(), leased, { by: 'p', until: NOW + 1 });
    await patchConnection(db(), dead, { state: 'needs_reauth' }, NOW);
    const due = async (now: number) =>
      (await listDueConnections(db(), { tenantId, now, expiresBefore: NOW + 100, usedSince: NOW - 100, limit: 9 }))
        .map(({ upstream }) => upstream)
        .sort();
    assert.deepEqual(await due(NOW), [kept.upstream, used.upstream].sort());
    assert.deepEqual(await due(NOW + 1), ['kept', 'leased', 'used', 'waiting']);
  });

  test('about a refresh token that dies one process warns, once', async () => {
    const tenantId = await newTenant(db());
    const made = await put(db(), tenantId, { refreshExpiresAt: NOW + 10 });
    await put(db(), tenantId, { upstream: 'far', refreshExpiresAt: NOW + 99_999 });
    await put(db(), tenantId, { upstream: 'never' });
    const toWarn = async () => (await listConnectionsToWarn(db(), { tenantId, before: NOW + 100 })).map(({ id }) => id);
    assert.deepEqual(await toWarn(), [made.id]);
    const marked = await Promise.all(Array.from({ length: 5 }, () => markWarned(db(), made, NOW)));
    assert.equal(marked.filter(Boolean).length, 1);
    assert.deepEqual(await toWarn(), []);
  });
};

export const upstreamClients: Suite = (db) => {
  test('of several that register at once one client is kept, and it is removed only if it still is that one', async () => {
    const tenantId = await newTenant(db());
    const client = (clientId: string, change: Partial<UpstreamClient> = {}): UpstreamClient => ({
      ...{ tenantId, upstream: 'github', issuer: 'https://one.example', clientId, source: 'dynamic' },
      ...{ authMethod: 'client_secret_basic', redirectUri: 'https://gw.example/cb', secretExpiresAt: null },
      ...{ createdAt: NOW, ...change },
    });
    const tried = await Promise.all(['a', 'b', 'c'].map((id) => insertUpstreamClient(db(), client(id))));
    assert.equal(tried.filter(Boolean).length, 1);
    const other = client('x', { issuer: 'https://two.example', createdAt: NOW - 1, secretExpiresAt: NOW + 5 });
    assert.equal(await insertUpstreamClient(db(), other), true);
    const listed = await listUpstreamClients(db(), { tenantId, upstream: 'github' });
    assert.deepEqual(listed[0], other, 'the first one comes first');
    assert.deepEqual(await listUpstreamClients(db(), { tenantId, upstream: 'jira' }), []);
    const kept = listed[1]!;
    assert.equal(await deleteUpstreamClient(db(), { ...kept, clientId: 'zzz' }), false);
    assert.equal(await deleteUpstreamClient(db(), { ...kept, tenantId: await newTenant(db()) }), false);
    assert.equal(await deleteUpstreamClient(db(), kept), true);
    await insertUpstream(db(), { tenantId, name: 'github', config: {}, enabled: true, createdAt: NOW });
    await deleteUpstream(db(), { tenantId, name: 'github' });
    assert.deepEqual(await listUpstreamClients(db(), { tenantId, upstream: 'github' }), []);
  });
};

export const providerRevocations: Suite = (db) => {
  test('a revocation is queued once, claimed by one, put off, and forgotten when it is done', async () => {
    const tenantId = await newTenant(db());
    const owner = { kind: 'user', id: 'usr_1' } as const;
    const made = {
      ...{ tenantId, id: newId('rev'), upstream: 'github', owner },
      issuer: 'https://i.example',
      createdAt: NOW,
    };
    await insertProviderRevocation(db(), made);
    await insertProviderRevocation(db(), { ...made, createdAt: NOW + 9 });
    const due = (now: number) => listDueRevocations(db(), { tenantId, now, limit: 9 });
    assert.deepEqual(await due(NOW - 1), []);
    const [seen] = await due(NOW);
    const expected = { ...made, state: 'waiting', attempts: 0, nextAt: NOW, lastError: null, updatedAt: NOW };
    assert.deepEqual(seen, expected);
    const claim = { nextAt: NOW + 60, now: NOW };
    const claimed = await Promise.all(Array.from({ length: 5 }, () => claimRevocation(db(), seen!, claim)));
    assert.equal(claimed.filter((row) => row !== null).length, 1);
    assert.deepEqual(await due(NOW), [], 'it is being tried');
    await settleRevocation(db(), seen!, { state: 'waiting', lastError: 'down', nextAt: NOW + 500 }, NOW + 1);
    assert.deepEqual(
      (await due(NOW + 500)).map(({ attempts, lastError }) => [attempts, lastError]),
      [[1, 'down']],
    );
    assert.equal(await countWaitingRevocations(db(), tenantId), 1);
    await settleRevocation(db(), seen!, { state: 'done', lastError: null, nextAt: NOW }, NOW + 2);
    assert.deepEqual(await due(NOW + 999), []);
    assert.equal(await countWaitingRevocations(db(), tenantId), 0);
    assert.deepEqual(await listRevocationsSince(db(), { tenantId, since: NOW }), [
      { upstream: 'github', owner, createdAt: NOW },
    ]);
    await deleteSettledRevocations(db(), NOW + 2);
    assert.equal((await listRevocationsSince(db(), { tenantId, since: 0 })).length, 1, 'not yet');
    await deleteSettledRevocations(db(), NOW + 3);
    assert.deepEqual(await listRevocationsSince(db(), { tenantId, since: 0 }), []);
  });
};
