import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import {
  type Broker,
  bearerOf,
  connect,
  newBrokerFolder,
  oauthUpstream,
  openBroker,
  SEEDED_CLIENT,
  SHARED,
  seedConnection,
  user,
} from '../../../test/brokers.ts';
import { callbackOf, type OauthProviderOptions, startOauthProvider } from '../../../test/fakes/oauth-provider.ts';
import { type OauthUpstreamOptions, startOauthUpstream } from '../../../test/fakes/upstream-oauth.ts';
import type { HttpUpstream } from '../../model/upstream.ts';
import type { Credential } from '../upstream-connection.ts';

const ann = user('usr_ann');
const REFUSED = { status: 401, resourceMetadata: null, scopes: [], error: 'invalid_token' } as const;
const lacks = (...scopes: string[]) =>
  ({ status: 403, resourceMetadata: null, scopes, error: 'insufficient_scope' }) as const;

interface Rig {
  kind?: 'oauth-shared' | 'oauth-per-user';
  provider?: OauthProviderOptions;
  upstream?: OauthUpstreamOptions;
  now?: () => number;
}

async function start(t: TestContext, { kind, now, ...rig }: Rig = {}) {
  const provider = await startOauthProvider({
    scopes: ['mcp:read', 'mcp:write', 'offline_access'],
    clients: [SEEDED_CLIENT],
    ...rig.provider,
  });
  t.after(() => provider.close());
  const fake = await startOauthUpstream(provider, rig.upstream);
  t.after(() => fake.close());
  const folder = await newBrokerFolder(t);
  const upstreams = [oauthUpstream('up', fake.url, { ...(kind !== undefined && { kind }) })];
  const open = async (more: Partial<Parameters<typeof openBroker>[1]> = {}): Promise<Broker> => {
    const broker = await openBroker(folder, { upstreams: () => upstreams, ...(now && { now }), ...more });
    t.after(broker.close);
    return broker;
  };
  return { provider, fake, folder, upstreams, open, broker: await open() };
}

const upOf = ({ upstreams }: { upstreams: HttpUpstream[] }): HttpUpstream => upstreams[0]!;
const only = async ({ connections }: Broker) => (await connections.list({})).items[0];

test('after connecting, a call gets the token of its person at once and without waiting', async (t) => {
  const rig = await start(t);
  const { broker, provider, fake } = rig;
  await assert.rejects(async () => broker.connections.of(upOf(rig), ann), { code: 'connection_required' });
  provider.approve = 'ann@corp.example';
  const done = await connect(broker, 'up', ann);
  assert.deepEqual(done.owner, ann);
  const credential = broker.connections.of(upOf(rig), ann) as Credential;
  assert.ok(!(credential instanceof Promise), 'a warm token resolves synchronously');
  assert.equal(provider.token(bearerOf(credential))?.grant.account, 'ann@corp.example');
  assert.equal(broker.connections.of(upOf(rig), ann), credential, 'the same object while nothing changes');
  const view = await only(broker);
  assert.equal(view?.state, 'connected');
  assert.deepEqual(broker.changes.at(-1), { upstream: 'up', owner: ann, what: 'connected' });
  assert.equal(fake.tokens.size, 0, 'finding the provider takes no token along');
});

test('a restarted broker, and another process, use what is stored, with the same id', async (t) => {
  const rig = await start(t);
  await connect(rig.broker, 'up', ann);
  const first = (await rig.broker.connections.of(upOf(rig), ann)) as Credential;
  const other = await rig.open();
  const again = await other.connections.of(upOf(rig), ann);
  assert.equal(bearerOf(again), bearerOf(first));
  assert.equal(again.id, first.id);
});

test('a token that is over is refreshed once, however many calls wait for it', async (t) => {
  const rig = await start(t);
  const { grant } = await seedConnection(rig.broker, rig.provider, upOf(rig), ann);
  const got = await Promise.all(Array.from({ length: 50 }, () => rig.broker.connections.of(upOf(rig), ann)));
  assert.equal(new Set(got).size, 1);
  assert.equal(rig.provider.stats.refreshes.get(grant), 1);
  assert.ok(rig.provider.isValid(bearerOf(got[0]!)));
  assert.equal(rig.broker.audit.filter(({ action }) => action === 'connection.refresh').length, 1);
});

test('new tokens are in the vault before anybody gets them', async (t) => {
  const rig = await start(t);
  await seedConnection(rig.broker, rig.provider, upOf(rig), ann);
  const order: string[] = [];
  const broker = await rig.open({
    wrapVault: (vault) => ({
      ...vault,
      async replace(...args) {
        await new Promise((done) => setTimeout(done, 30));
        const stored = await vault.replace(...args);
        order.push('stored');
        return stored;
      },
    }),
  });
  await Promise.resolve(broker.connections.of(upOf(rig), ann)).then(() => order.push('used'));
  assert.deepEqual(order, ['stored', 'used']);
});

test('a refresh keeps the id of the credential, connecting anew changes it', async (t) => {
  const rig = await start(t);
  await connect(rig.broker, 'up', ann);
  const { connections } = rig.broker;
  const first = await connections.of(upOf(rig), ann);
  const second = await rig.broker.connections.renewed(upOf(rig), ann, first, REFUSED);
  assert.notEqual(bearerOf(second), bearerOf(first));
  assert.equal(second.id, first.id);
  await connect(rig.broker, 'up', ann);
  assert.notEqual((await connections.of(upOf(rig), ann)).id, first.id);
});

test('what a 401 refused is refreshed once for all calls that met it, and not again and again', async (t) => {
  const rig = await start(t);
  const { grant } = await seedConnection(rig.broker, rig.provider, upOf(rig), ann);
  const used = await rig.broker.connections.of(upOf(rig), ann);
  const renewed = await Promise.all(
    Array.from({ length: 20 }, () => rig.broker.connections.renewed(upOf(rig), ann, used, REFUSED)),
  );
  assert.equal(new Set(renewed).size, 1);
  assert.equal(rig.provider.stats.refreshes.get(grant), 2);
  assert.equal(
    await rig.broker.connections.renewed(upOf(rig), ann, used, REFUSED),
    renewed[0],
    'who comes late gets what there is',
  );
  await assert.rejects(rig.broker.connections.renewed(upOf(rig), ann, renewed[0]!, REFUSED), {
    code: 'upstream_credential_rejected',
  });
  assert.equal(rig.provider.stats.refreshes.get(grant), 2, 'the provider is not asked at every call');
});

test('a grant that the provider ended needs the person, is asked about once, and works again after connecting', async (t) => {
  const rig = await start(t);
  await connect(rig.broker, 'up', ann);
  const { connections } = rig.broker;
  const used = await connections.of(upOf(rig), ann);
  rig.provider.revokeGrant();
  await assert.rejects(
    rig.broker.connections.renewed(upOf(rig), ann, used, REFUSED),
    (error: Error & { code: string; data: Record<string, unknown> }) => {
      assert.equal(error.code, 'connection_required');
      assert.equal(error.data.reason, 'expired');
      assert.match(String(error.data.connectUrl), /\/connect\/up\?for=/);
      return true;
    },
  );
  for (let i = 0; i < 3; i++) {
    await assert.rejects(async () => connections.of(upOf(rig), ann), { code: 'connection_required' });
  }
  assert.equal(rig.provider.stats.invalidGrants, 1, 'no loop');
  assert.equal((await only(rig.broker))?.state, 'needs_reauth');
  assert.equal(rig.broker.audit.filter(({ action }) => action === 'connection.fail').length, 1);
  await connect(rig.broker, 'up', ann);
  assert.ok(rig.provider.isValid(bearerOf(await connections.of(upOf(rig), ann))));
  assert.equal((await only(rig.broker))?.state, 'connected');
});

test('a provider that is down costs nothing while the token lives, and is asked with growing pauses after that', async (t) => {
  let time = Date.now();
  const rig = await start(t, { now: () => time });
  const live = { obtainedAt: time - 90_000, expiresAt: time + 30_000 };
  await seedConnection(rig.broker, rig.provider, upOf(rig), ann, live);
  const { connections } = rig.broker;
  const tokenRequests = () => rig.provider.to('token').length;
  rig.provider.intercept = ({ endpoint }, response) => {
    if (endpoint !== 'token') return false;
    response.writeHead(503).end();
    return true;
  };
  const used = await connections.of(upOf(rig), ann);
  time += 19_000;
  assert.equal(connections.of(upOf(rig), ann), used, 'it is tried beside the call');
  while (connections.stats().refreshing > 0) await new Promise((done) => setTimeout(done, 5));
  assert.equal(tokenRequests(), 1);
  assert.equal((await only(rig.broker))?.state, 'failing');
  assert.equal(connections.of(upOf(rig), ann), used, 'it lives, so it is used');
  time += 30_000;
  await assert.rejects(async () => connections.of(upOf(rig), ann), { code: 'upstream_unavailable' });
  const asked = tokenRequests();
  for (let i = 0; i < 5; i++) {
    await assert.rejects(async () => connections.of(upOf(rig), ann), { code: 'upstream_unavailable' });
  }
  assert.equal(tokenRequests(), asked, 'it waits before it asks again');
  rig.provider.intercept = undefined;
  time += 600_000;
  rig.provider.tamper.token = (answer) => ({ ...answer, expires_in: 7200 });
  assert.ok(rig.provider.isValid(bearerOf(await connections.of(upOf(rig), ann))), 'and nobody had to connect again');
  assert.equal((await only(rig.broker))?.state, 'connected');
});

test('a provider that forgot the gateway gets one new registration for all who are connected there', async (t) => {
  const rig = await start(t, { provider: { clients: [] } });
  const people = ['a', 'b', 'c', 'd'].map((name) => user(`usr_${name}`));
  rig.provider.tamper.token = (answer) => ({ ...answer, expires_in: 1 });
  for (const person of people) await connect(rig.broker, 'up', person);
  assert.equal(rig.provider.stats.registrations, 1);
  rig.provider.tamper.token = undefined as never;
  rig.provider.purgeClients();
  let offset = 0;
  const later = await rig.open({ now: () => Date.now() + offset });
  offset = 11 * 60_000;
  const outcomes = await Promise.allSettled(people.map(async (person) => later.connections.of(upOf(rig), person)));
  assert.equal(rig.provider.stats.registrations, 2, 'once, not once per person');
  // The grants belonged to the client that is gone.
  assert.ok(
    outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'connection_required'),
  );
  rig.provider.purgeClients();
  await Promise.allSettled(people.map(async (person) => later.connections.of(upOf(rig), person)));
  assert.equal(rig.provider.stats.registrations, 2, 'and not again and again');
});

test('an upstream that names another provider is stopped: nothing is sent there, and somebody is told', async (t) => {
  const rig = await start(t);
  const evil = await startOauthProvider();
  t.after(() => evil.close());
  await seedConnection(rig.broker, rig.provider, upOf(rig), ann);
  rig.fake.authorizationServers = [evil.issuer];
  await assert.rejects(async () => rig.broker.connections.of(upOf(rig), ann), { code: 'connection_stopped' });
  await assert.rejects(rig.broker.connections.plan('up', ann), { code: 'connection_stopped' });
  assert.equal((await only(rig.broker))?.state, 'changed_issuer');
  assert.deepEqual(
    evil.requests.filter(({ endpoint }) => endpoint !== 'metadata'),
    [],
  );
  assert.ok(rig.broker.logged.some((line) => line.includes('"level":50') || line.includes('"level":"error"')));
  assert.equal(rig.broker.audit.find(({ action }) => action === 'connection.fail')?.reason, 'changed_issuer');
});

test('a connection that has ended looks at its provider afresh when it is made again', async (t) => {
  const rig = await start(t);
  const elsewhere = await startOauthProvider();
  t.after(() => elsewhere.close());
  await connect(rig.broker, 'up', ann);
  const { connections } = rig.broker;
  const looks = () => rig.provider.to('metadata').length;
  const before = looks();
  await connections.plan('up', ann);
  assert.equal(looks(), before, 'what was found a moment ago is good for one that lasts');
  const used = await connections.of(upOf(rig), ann);
  rig.provider.revokeGrant();
  await assert.rejects(connections.renewed(upOf(rig), ann, used, REFUSED), { code: 'connection_required' });
  assert.equal((await only(rig.broker))?.state, 'needs_reauth');
  const ended = looks();
  await connections.plan('up', ann);
  assert.ok(looks() > ended);
  rig.fake.authorizationServers = [elsewhere.issuer];
  const by = { userId: ann.id, browserHash: 'b', returnTo: '/' };
  await assert.rejects(connections.plan('up', ann), { code: 'connection_stopped' });
  await assert.rejects(connections.begin('up', ann, by), { code: 'connection_stopped' }, 'nobody is sent to either');
});

test('tokens are sent to the address only for which they were given', async (t) => {
  const rig = await start(t);
  await connect(rig.broker, 'up', ann);
  await rig.broker.connections.of(upOf(rig), ann);
  const moved = oauthUpstream('up', 'http://127.0.0.1:1/mcp');
  rig.upstreams[0] = moved;
  await assert.rejects(async () => rig.broker.connections.of(moved, ann), { code: 'connection_required' });
});

test('more permissions are asked for together with those that there are, once', async (t) => {
  const rig = await start(t);
  await connect(rig.broker, 'up', ann);
  const used = await rig.broker.connections.of(upOf(rig), ann);
  await assert.rejects(rig.broker.connections.renewed(upOf(rig), ann, used, lacks('mcp:write')), {
    code: 'connection_required',
  });
  assert.equal((await only(rig.broker))?.state, 'needs_scopes');
  assert.equal(await rig.broker.connections.of(upOf(rig), ann), used, 'for all else the token is good');
  const { scopes } = await rig.broker.connections.plan('up', ann);
  assert.ok(['mcp:read', 'mcp:write'].every((scope) => scopes.includes(scope)));
  rig.provider.grantScopes = () => ['mcp:read'];
  await connect(rig.broker, 'up', ann);
  const again = await rig.broker.connections.of(upOf(rig), ann);
  await assert.rejects(rig.broker.connections.renewed(upOf(rig), ann, again, lacks('mcp:write')), {
    code: 'upstream_credential_rejected',
  });
  await assert.rejects(rig.broker.connections.renewed(upOf(rig), ann, again, lacks()), {
    code: 'upstream_credential_rejected',
  });
});

test('the settings are a limit that no upstream can lift', async (t) => {
  const rig = await start(t);
  rig.upstreams[0] = oauthUpstream('up', rig.fake.url, { oauth: { scopes: ['mcp:read'] } });
  await connect(rig.broker, 'up', ann);
  const used = await rig.broker.connections.of(upOf(rig), ann);
  await assert.rejects(rig.broker.connections.renewed(upOf(rig), ann, used, lacks('mcp:write')), {
    code: 'upstream_credential_rejected',
  });
});

test('a shared account is one for everybody, and is not connected by each', async (t) => {
  const rig = await start(t, { kind: 'oauth-shared' });
  const begun = rig.broker.connections.begin('up', ann, { userId: ann.id, browserHash: 'b', returnTo: '/' });
  await assert.rejects(begun, { code: 'unprocessable' });
  await assert.rejects(
    async () => rig.broker.connections.of(upOf(rig), ann),
    (error: Error) => {
      assert.match(error.message, /toolgate connection connect up/);
      return true;
    },
  );
  await connect(rig.broker, 'up', SHARED);
  const one = await rig.broker.connections.of(upOf(rig), ann);
  assert.equal(await rig.broker.connections.of(upOf(rig), user('usr_ben')), one);
  assert.equal(await rig.broker.connections.of(upOf(rig), undefined), one);
});

test('without a principal, nobody’s own token is given', async (t) => {
  const rig = await start(t);
  await connect(rig.broker, 'up', ann);
  await assert.rejects(async () => rig.broker.connections.of(upOf(rig), undefined), { code: 'connection_required' });
});

test('connecting is finished by the person and in the browser that began it, once, within ten minutes', async (t) => {
  let time = Date.now();
  const rig = await start(t, { now: () => time });
  const { connections } = rig.broker;
  const mine = { userId: ann.id, browserHash: 'b' };
  const begin = async () => callbackOf(await connections.begin('up', ann, { ...mine, returnTo: '/x' }));
  const refused = (callback: URL, browser = mine) =>
    assert.rejects(connections.complete('up', callback, browser), { code: 'connect_expired' });
  const callback = await begin();
  assert.equal(connections.upstreamOf(callback), 'up');
  assert.equal(connections.upstreamOf(new URL('http://x/?state=a.b')), null);
  await refused(callback, { ...mine, browserHash: 'another' });
  await assert.rejects(connections.complete('other', callback, mine), { code: 'connect_expired' });
  await connections.complete('up', callback, mine);
  await refused(callback);
  await refused(await begin(), { userId: 'usr_mallory', browserHash: 'b' });
  const late = await begin();
  time += 10 * 60_000;
  await refused(late);
  const forged = new URL((await begin()).href);
  forged.searchParams.set('state', `up.${'A'.repeat(43)}`);
  await refused(forged);
});

test('nothing secret is in the login state, a log line, an audit event, a view or an error', async (t) => {
  const rig = await start(t);
  const { broker, provider } = rig;
  await connect(broker, 'up', ann);
  const used = await broker.connections.of(upOf(rig), ann);
  const states = await broker.connections.begin('up', ann, { userId: ann.id, browserHash: 'b', returnTo: '/' });
  await rig.broker.connections.renewed(upOf(rig), ann, used, REFUSED);
  provider.revokeGrant();
  const failure = await broker.connections.refresh('up', ann).catch((error: unknown) => error);
  await broker.connections.disconnect('up', ann, { kind: 'user', id: ann.id, name: 'ann' });
  await broker.connections.sweep();
  const rows = await Promise.all(
    (['login_states', 'upstream_connections', 'upstream_clients', 'provider_revocations'] as const).map((table) =>
      broker.db.selectFrom(table).selectAll().execute(),
    ),
  );
  const everything = inspect(
    [broker.audit, broker.logged, await broker.connections.list({}), failure, rows, used, broker.connections.stats()],
    { depth: 12, maxStringLength: null, maxArrayLength: null },
  );
  assert.match(everything, /connection\.disconnect/);
  assert.doesNotMatch(everything, /\b(?:at|rt|code)_[\w-]{20,}/);
  assert.ok(!everything.includes(states.searchParams.get('state')!), 'the state itself is not stored');
});

test('uses are noted and show up in the list', async (t) => {
  const rig = await start(t);
  await connect(rig.broker, 'up', ann);
  rig.broker.connections.used('up', ann, 'key_1');
  rig.broker.connections.used('up', ann, 'key_2');
  await rig.broker.connections.sweep();
  const view = await only(rig.broker);
  assert.equal(view?.lastUsedBy, 'key_2');
  assert.ok(view?.lastUsedAt);
});
