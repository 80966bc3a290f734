/** Refresh tokens that rotate, and processes that share them: none is spent twice, and none is lost without saying so. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
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
} from '../brokers.ts';
import { startOauthProvider } from '../fakes/oauth-provider.ts';
import { startOauthUpstream } from '../fakes/upstream-oauth.ts';
import type { BrokerMessage, BrokerProcessArgument } from './broker-process.ts';

const PROCESSES = 3;
const LEASE_MS = 20_000;
const REFUSED = { status: 401, resourceMetadata: null, scopes: [], error: null } as const;

async function start(t: TestContext) {
  const provider = await startOauthProvider({ clients: [SEEDED_CLIENT] });
  t.after(() => provider.close());
  const fake = await startOauthUpstream(provider);
  t.after(() => fake.close());
  const folder = await newBrokerFolder(t);
  const upstream = oauthUpstream('up', fake.url);
  const open = async (more: Partial<Parameters<typeof openBroker>[1]> = {}): Promise<Broker> => {
    const broker = await openBroker(folder, { upstreams: () => [upstream], ...more });
    t.after(broker.close);
    return broker;
  };
  return { provider, fake, folder, upstream, open };
}

type Rig = Awaited<ReturnType<typeof start>>;

async function seed({ provider, upstream, open }: Rig, count: number): Promise<string[]> {
  const broker = await open();
  const owners = Array.from({ length: count }, (_, i) => `usr_${i}`);
  for (const owner of owners) await seedConnection(broker, provider, upstream, user(owner));
  return owners;
}

function startProcess(t: TestContext, { folder, fake }: Rig, owners: readonly string[], stuck = false): ChildProcess {
  const argument: BrokerProcessArgument = { folder, url: fake.url, owners, stuck };
  const child = fork(join(import.meta.dirname, 'broker-process.ts'), [JSON.stringify(argument)]);
  t.after(() => child.kill('SIGKILL'));
  return child;
}

async function heard<K extends BrokerMessage['kind']>(
  child: ChildProcess,
  kind: K,
): Promise<Extract<BrokerMessage, { kind: K }>> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [BrokerMessage];
    if (message.kind === kind) return message as Extract<BrokerMessage, { kind: K }>;
  }
}

function judge(
  { provider }: Rig,
  owners: readonly string[],
  got: readonly (readonly (readonly [string, string])[])[],
): void {
  assert.equal(provider.stats.invalidGrants, 0);
  assert.deepEqual(new Set(provider.stats.refreshes.values()), new Set([1]), 'exactly one refresh for each grant');
  for (const tokens of got) {
    assert.equal(tokens.length, owners.length);
    for (const [owner, token] of tokens) assert.equal(provider.token(token)?.grant.account, owner);
  }
}

test('three brokers on one database, 200 people whose tokens end at once: one refresh per grant, no call fails', async (t) => {
  const rig = await start(t);
  const owners = await seed(rig, 200);
  const brokers = await Promise.all(Array.from({ length: PROCESSES }, () => rig.open()));
  const got = await Promise.all(
    brokers.map(({ connections }) =>
      Promise.all(owners.map(async (id) => [id, bearerOf(await connections.of(rig.upstream, user(id)))] as const)),
    ),
  );
  judge(rig, owners, got);
});

test('the same with three processes', { timeout: 120_000 }, async (t) => {
  const rig = await start(t);
  const owners = await seed(rig, 200);
  const children = Array.from({ length: PROCESSES }, () => startProcess(t, rig, owners));
  await Promise.all(children.map((child) => heard(child, 'ready')));
  const done = children.map((child) => heard(child, 'done'));
  for (const child of children) child.send('go');
  const results = await Promise.all(done);
  assert.deepEqual(
    results.flatMap(({ failures }) => failures),
    [],
  );
  judge(
    rig,
    owners,
    results.map(({ tokens }) => tokens),
  );
});

test('killed between the provider and the disk: whoever was being refreshed is told to connect again, once', async (t) => {
  const rig = await start(t);
  const [ann] = await seed(rig, 1);
  const child = startProcess(t, rig, [ann!], true);
  await heard(child, 'ready');
  child.send('go');
  await heard(child, 'storing');
  child.kill('SIGKILL');
  await once(child, 'exit');

  let skipped = 0;
  const { connections } = await rig.open({ now: () => Date.now() + skipped });
  skipped = LEASE_MS + 1000;
  const refused = { code: 'connection_required' };
  await assert.rejects(async () => connections.of(rig.upstream, user(ann!)), refused);
  for (let i = 0; i < 3; i++) await assert.rejects(async () => connections.of(rig.upstream, user(ann!)), refused);
  assert.equal(rig.provider.stats.invalidGrants, 1, 'the old token is tried once');
  const view = (await connections.list({})).items[0]!;
  assert.equal(view.state, 'needs_reauth');
  assert.match(view.lastError!, /cut short/);
  await connect({ connections }, 'up', user(ann!));
  assert.ok(rig.provider.isValid(bearerOf(await connections.of(rig.upstream, user(ann!)))));
});

test('the same at a provider that still takes the old token: nobody notices', async (t) => {
  const rig = await start(t);
  const [ann] = await seed(rig, 1);
  const child = startProcess(t, rig, [ann!], true);
  await heard(child, 'ready');
  rig.provider.intercept = ({ endpoint }) => {
    // Killed after the request has left, before the provider has seen it.
    if (endpoint === 'token') child.kill('SIGKILL');
    return endpoint === 'token';
  };
  child.send('go');
  await once(child, 'exit');
  rig.provider.intercept = undefined;
  let skipped = 0;
  const { connections } = await rig.open({ now: () => Date.now() + skipped });
  skipped = LEASE_MS + 1000;
  assert.ok(rig.provider.isValid(bearerOf(await connections.of(rig.upstream, user(ann!)))));
  assert.equal(rig.provider.stats.invalidGrants, 0);
});

test('a call waits for the process that refreshes, and for no longer than a dead one may be taken for living', async (t) => {
  const rig = await start(t);
  const [ann] = await seed(rig, 1);
  const child = startProcess(t, rig, [ann!], true);
  await heard(child, 'ready');
  child.send('go');
  await heard(child, 'storing');
  let skipped = 0;
  const { connections } = await rig.open({ now: () => Date.now() + skipped });
  const call = Promise.resolve(connections.of(rig.upstream, user(ann!))).catch((error: { code: string }) => error.code);
  const early = await Promise.race([call, new Promise((done) => setTimeout(done, 500, 'waits'))]);
  assert.equal(early, 'waits');
  assert.equal(rig.provider.to('token').length, 1, 'nothing is asked meanwhile');
  child.kill('SIGKILL');
  skipped = LEASE_MS + 1000;
  assert.equal(await call, 'connection_required');
});

test('tokens that cannot be stored are used by nobody, kept, and stored when that works again', async (t) => {
  const rig = await start(t);
  const [ann] = await seed(rig, 1);
  let full = true;
  const { connections } = await rig.open({
    wrapVault: (vault) => ({
      ...vault,
      replace: (...args) => (full ? Promise.reject(new Error('disk full')) : vault.replace(...args)),
    }),
  });
  for (let i = 0; i < 3; i++) {
    await assert.rejects(async () => connections.of(rig.upstream, user(ann!)), { code: 'upstream_unavailable' });
  }
  assert.equal(rig.provider.to('token').length, 1, 'the refresh token is not spent again');
  assert.equal(connections.stats().unsaved, 1);
  full = false;
  await connections.sweep();
  assert.equal(connections.stats().unsaved, 0);
  assert.ok(rig.provider.isValid(bearerOf(await connections.of(rig.upstream, user(ann!)))));
  assert.equal(rig.provider.stats.invalidGrants, 0);
  assert.equal(rig.provider.to('token').length, 1);
});

test('a database that cannot be asked stops no token that lives, and no refresh happens without the lease', async (t) => {
  const rig = await start(t);
  const broker = await rig.open();
  await connect(broker, 'up', user('usr_ann'));
  const warm = await broker.connections.of(rig.upstream, user('usr_ann'));
  await broker.db.destroy();
  const asked = rig.provider.to('token').length;
  assert.equal(broker.connections.of(rig.upstream, user('usr_ann')), warm);
  await assert.rejects(
    broker.connections.renewed(rig.upstream, user('usr_ann'), warm, REFUSED),
    (error: Error & { code: string }) => error.code === 'internal',
  );
  assert.equal(rig.provider.to('token').length, asked);
});
