import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type Broker,
  bearerOf,
  connect,
  newBrokerFolder,
  oauthUpstream,
  openBroker,
  SEEDED_CLIENT,
  seedConnection,
  user,
} from '../../../test/brokers.ts';
import { startOauthProvider } from '../../../test/fakes/oauth-provider.ts';
import { startOauthUpstream } from '../../../test/fakes/upstream-oauth.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { deleteUpstream, insertUpstream } from '../../store/upstreams.ts';
import { deleteUser, insertUser } from '../../store/users.ts';

const ann = user('usr_ann');
const ben = user('usr_ben');
const admin = { kind: 'user', id: 'usr_admin', name: 'admin' } as const;
const tenantId = DEFAULT_TENANT;

async function start(t: TestContext, scopes = ['mcp:read', 'offline_access']) {
  const provider = await startOauthProvider({ clients: [SEEDED_CLIENT], scopes });
  t.after(() => provider.close());
  const fake = await startOauthUpstream(provider, { scopesSupported: scopes });
  t.after(() => fake.close());
  const folder = await newBrokerFolder(t);
  const upstreams = [oauthUpstream('up', fake.url)];
  const clock = { skipped: 0 };
  const open = async (): Promise<Broker> => {
    const now = () => Date.now() + clock.skipped;
    const broker = await openBroker(folder, { upstreams: () => upstreams, now });
    t.after(broker.close);
    return broker;
  };
  return { provider, upstreams, clock, open, broker: await open() };
}

const down = (provider: Awaited<ReturnType<typeof startOauthProvider>>): void => {
  provider.intercept = ({ endpoint }, response) => {
    if (endpoint !== 'revoke') return false;
    response.writeHead(503).end();
    return true;
  };
};

const storedTokens = async ({ db }: Broker) =>
  (await db.selectFrom('secrets').select(['name', 'upstream']).execute()).filter(
    ({ name }) => name === 'oauth-tokens' || name.startsWith('revocation-'),
  );

test('who disconnects is disconnected at once, and at the provider', async (t) => {
  const { broker, provider, upstreams } = await start(t);
  await connect(broker, 'up', ann);
  const token = bearerOf(await broker.connections.of(upstreams[0]!, ann));
  assert.equal(await broker.connections.disconnect('up', ann, admin), true);
  await assert.rejects(async () => broker.connections.of(upstreams[0]!, ann), { code: 'connection_required' });
  assert.deepEqual((await broker.connections.list({})).items, []);
  await broker.connections.sweep();
  assert.deepEqual(provider.stats.revocations, ['refresh_token', 'access_token']);
  assert.equal(provider.isValid(token), false);
  assert.deepEqual(await storedTokens(broker), []);
  assert.equal(await broker.connections.disconnect('up', ann, admin), false);
  const recorded = broker.audit.map(({ action, principalId, reason }) => [action, principalId, reason]);
  assert.ok(recorded.some((event) => String(event) === 'connection.disconnect,usr_admin,'));
  assert.ok(recorded.some((event) => String(event) === 'connection.revoke,usr_ann,revoked'));
});

test('a revocation is tried until the provider takes it, also by a broker that starts later', async (t) => {
  const { broker, provider, clock, open } = await start(t);
  await connect(broker, 'up', ann);
  down(provider);
  await broker.connections.disconnect('up', ann, admin);
  await broker.connections.sweep();
  await broker.connections.sweep();
  assert.equal(provider.to('revoke').length, 1, 'not at every turn');
  assert.equal(broker.connections.stats().revocationsWaiting, 1);
  await broker.close();
  const later = await open();
  clock.skipped += 3_600_000;
  await later.connections.sweep();
  assert.deepEqual(provider.stats.revocations, []);
  provider.intercept = undefined;
  clock.skipped += 3_600_000;
  await later.connections.sweep();
  assert.deepEqual(provider.stats.revocations, ['refresh_token', 'access_token']);
  assert.equal(later.connections.stats().revocationsWaiting, 0);
  assert.deepEqual(await storedTokens(later), []);
  clock.skipped += 24 * 3_600_000;
  await later.connections.sweep();
  assert.equal(provider.to('revoke').length, 4, 'done is done');
});

test('of several brokers one revokes', async (t) => {
  const { broker, provider, open } = await start(t);
  await connect(broker, 'up', ann);
  await broker.connections.disconnect('up', ann, admin);
  const others = [await open(), await open()];
  await Promise.all([broker, ...others].map(({ connections }) => connections.sweep()));
  assert.equal(provider.stats.revocations.length, 2);
});

test('who is offboarded leaves nothing at the provider, and nobody else is touched', async (t) => {
  const { broker, provider, upstreams } = await start(t);
  await seedConnection(broker, provider, upstreams[0]!, ann);
  const { grant } = await seedConnection(broker, provider, upstreams[0]!, ben);
  await broker.connections.endOfPrincipal(ann.id);
  await broker.connections.sweep();
  assert.deepEqual(
    provider.grants.map(({ account, revoked }) => [account, revoked]),
    [
      ['usr_ann', true],
      ['usr_ben', false],
    ],
  );
  await broker.connections.of(upstreams[0]!, ben);
  assert.equal(provider.stats.refreshes.get(grant), 1);
});

test('a person or an upstream that is removed from the database is revoked at the next sweep of any process', async (t) => {
  const { broker, provider, upstreams } = await start(t);
  const { id } = await insertUser(broker.db, { tenantId, id: ann.id, name: 'ann', displayName: 'Ann', createdAt: 1 });
  await insertUpstream(broker.db, { tenantId, name: 'up', config: {}, enabled: true, createdAt: 1 });
  await seedConnection(broker, provider, upstreams[0]!, ann);
  await seedConnection(broker, provider, upstreams[0]!, ben);
  await deleteUser(broker.db, { tenantId, id });
  await assert.rejects(async () => broker.connections.of(upstreams[0]!, ann), { code: 'connection_required' });
  await broker.connections.sweep();
  assert.deepEqual(
    provider.grants.map(({ revoked }) => revoked),
    [true, false],
  );
  await deleteUpstream(broker.db, { tenantId, name: 'up' });
  upstreams.pop();
  await broker.connections.sweep();
  assert.deepEqual(
    provider.grants.map(({ revoked }) => revoked),
    [true, true],
  );
  assert.deepEqual(await storedTokens(broker), []);
});

test('another process forgets a token within its next look', async (t) => {
  const { broker, upstreams, open } = await start(t);
  await connect(broker, 'up', ann);
  const other = await open();
  await other.connections.of(upstreams[0]!, ann);
  other.connections.start();
  await broker.connections.disconnect('up', ann, admin);
  for (let waited = 0; waited < 100; waited++) {
    await new Promise((done) => setTimeout(done, 100));
    if (other.connections.stats().warm === 0) break;
  }
  await assert.rejects(async () => other.connections.of(upstreams[0]!, ann), { code: 'connection_required' });
});

test('a disconnect while tokens are being refreshed leaves none of them alive', async (t) => {
  const { broker, provider, upstreams } = await start(t);
  await seedConnection(broker, provider, upstreams[0]!, ann);
  const answered = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  provider.tamper.token = async (answer) => {
    asked.resolve();
    await answered.promise;
    return answer;
  };
  const call = Promise.resolve(broker.connections.of(upstreams[0]!, ann));
  await asked.promise;
  await broker.connections.disconnect('up', ann, admin);
  answered.resolve();
  await assert.rejects(call, { code: 'connection_required' });
  await broker.connections.sweep();
  assert.equal(provider.to('revoke').length, 4, 'the tokens of before, and those that came meanwhile');
  assert.deepEqual(
    provider.grants.map(({ revoked }) => revoked),
    [true],
  );
  assert.deepEqual(await storedTokens(broker), []);
});

test('an account that takes the place of another one ends that one at the provider; the same account does not', async (t) => {
  // Where the provider says whose account it is.
  const { broker, provider } = await start(t, ['openid', 'email', 'offline_access']);
  for (const account of ['old@corp.example', 'new@corp.example', 'new@corp.example']) {
    provider.approve = account;
    assert.equal((await connect(broker, 'up', ann)).account, account);
  }
  await broker.connections.sweep();
  const ended = provider.grants.map(({ revoked }) => revoked);
  assert.deepEqual(ended, [true, false, false]);
});

test('what another connection lives on is not revoked under it, but with the last of them', async (t) => {
  const { broker, provider, upstreams } = await start(t);
  upstreams.push(oauthUpstream('up2', 'http://127.0.0.1:9/mcp'));
  await seedConnection(broker, provider, upstreams[0]!, ann);
  await seedConnection(broker, provider, upstreams[1]!, ann);
  await broker.connections.disconnect('up', ann, admin);
  await assert.rejects(async () => broker.connections.of(upstreams[0]!, ann), { code: 'connection_required' });
  await broker.connections.sweep();
  assert.deepEqual(provider.stats.revocations, []);
  const revoked = () => broker.audit.filter(({ action }) => action === 'connection.revoke').map(({ reason }) => reason);
  assert.deepEqual(revoked(), ['in_use']);
  await broker.connections.disconnect('up2', ann, admin);
  await broker.connections.sweep();
  assert.deepEqual(
    provider.grants.map(({ revoked }) => revoked),
    [true, true],
  );
  assert.deepEqual(revoked(), ['in_use', 'revoked', 'revoked']);
  assert.deepEqual(await storedTokens(broker), []);
});

test('a revocation that waited for its provider does not end what was connected anew meanwhile', async (t) => {
  const { broker, provider, clock } = await start(t, ['openid', 'email', 'offline_access']);
  await connect(broker, 'up', ann);
  down(provider);
  await broker.connections.disconnect('up', ann, admin);
  await broker.connections.sweep();
  provider.intercept = undefined;
  await connect(broker, 'up', ann);
  clock.skipped += 3_600_000;
  await broker.connections.sweep();
  assert.deepEqual(provider.stats.revocations, []);
});

test('a provider that ends access tokens alone has still ended what it can', async (t) => {
  const { broker, provider } = await start(t);
  await connect(broker, 'up', ann);
  provider.intercept = ({ endpoint, params }, response) => {
    if (endpoint !== 'revoke' || params.get('token_type_hint') !== 'refresh_token') return false;
    response.writeHead(400, { 'content-type': 'application/json' }).end('{"error":"unsupported_token_type"}');
    return true;
  };
  await broker.connections.disconnect('up', ann, admin);
  await broker.connections.sweep();
  const revoked = broker.audit.find(({ action }) => action === 'connection.revoke');
  assert.equal(revoked?.reason, 'revoked');
});
