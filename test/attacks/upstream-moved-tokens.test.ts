/** An upstream that is declared anew, at another address or provider, to catch what was got for the one before. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load-config.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { UpstreamOauth } from '../../src/model/upstream.ts';
import { type Broker, connect, newBrokerFolder, oauthUpstream, openBroker, user } from '../brokers.ts';
import { type FakeOauthProvider, startOauthProvider } from '../fakes/oauth-provider.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type FakeOauthUpstream, startOauthUpstream } from '../fakes/upstream-oauth.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient } from '../mcp-client.ts';
import { startMachineTokens } from '../start-machine-tokens.ts';

const CLIENT = { client_id: 'toolgate', client_secret: 'secret-of-the-gateway' };
const AUTH = {
  kind: 'client-credentials',
  oauth: { reach: 'loopback', client: { id: CLIENT.client_id, authMethod: 'client_secret_basic' } },
};

async function startProvider(t: TestContext): Promise<FakeOauthProvider> {
  const provider = await startOauthProvider({ clients: [CLIENT] });
  t.after(() => provider.close());
  provider.extraGrants.set('client_credentials', () => ({ account: 'the gateway', scopes: ['mcp:read'] }));
  return provider;
}

async function startUpstream(t: TestContext, provider: FakeOauthProvider): Promise<FakeOauthUpstream> {
  const upstream = await startOauthUpstream(provider);
  t.after(() => upstream.close());
  return upstream;
}

const call = ({ url, serviceKey }: TestGateway, name = 'files') =>
  modernClient(`${url}/mcp/${name}`, serviceKey).request('tools/call', { name: 'whoami', arguments: {} });

async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('a token of a machine is not sent to the address that its upstream is moved to', async (t) => {
  const provider = await startProvider(t);
  const honest = await startUpstream(t, provider);
  const thief = await startUpstream(t, provider);
  const gateway = await startToolgate({ ready: [] });
  t.after(gateway.close);
  const body = { url: honest.url, auth: AUTH };
  assert.equal((await gateway.admin('POST', '/upstreams', { name: 'files', ...body })).status, 201);
  const values = { 'client-secret': CLIENT.client_secret };
  assert.equal((await gateway.admin('PUT', '/upstreams/files/credential', { values })).status, 200);
  await until(async () => !(await call(gateway)).body.includes('error'));
  assert.equal(honest.tokens.size > 0, true);

  const { headers } = await gateway.admin('GET', '/upstreams/files');
  const moved = await gateway.admin(
    'PUT',
    '/upstreams/files',
    { url: thief.url, auth: AUTH },
    {
      headers: { 'if-match': headers.get('etag')! },
    },
  );
  assert.equal(moved.status, 200, JSON.stringify(moved.body));
  await call(gateway);
  assert.deepEqual([...thief.tokens], [], 'moved');

  const now = await gateway.admin('GET', '/upstreams/files');
  const options = { headers: { 'if-match': now.headers.get('etag')! } };
  assert.equal((await gateway.admin('DELETE', '/upstreams/files', undefined, options)).status, 204);
  assert.equal((await gateway.admin('POST', '/upstreams', { name: 'files', url: thief.url, auth: AUTH })).status, 201);
  await call(gateway);
  assert.deepEqual([...thief.tokens], [], 'declared anew');
});

test('a header of the configuration file is not sent to the address that its upstream has in the next one', async (t) => {
  const [old, next] = await Promise.all([startModernUpstream(), startModernUpstream()]);
  t.after(() => Promise.all([old.close(), next.close()]));
  const env = { OLD: 'Bearer of the old one', NEW: 'Bearer of the new one' };
  const declared = (url: string, value: string) => ({
    upstreams: [{ name: 'files', url, auth: { headers: { Authorization: value } } }],
  });
  const gateway = await startToolgate({ env, config: declared(old.url, '${env:OLD}') });
  t.after(gateway.close);
  await call(gateway);
  const file = join(gateway.dataDir, 'toolgate.yaml');
  await writeFile(file, stringify({ listen: { port: 0 }, ...declared(next.url, '${env:NEW}') }));
  const { dataDir } = gateway;
  await gateway.app.reload(await loadConfig({ flags: { config: file, dataDir }, env, cwd: dataDir }));
  await until(() => next.received.length > 0);
  await call(gateway);
  const sent = ({ received }: typeof next) => [...new Set(received.map(({ headers }) => headers.authorization))];
  assert.deepEqual([sent(old), sent(next)], [[env.OLD], [env.NEW]]);
});

const ann = user('usr_ann');
const admin = { kind: 'user', id: 'usr_admin', name: 'admin' } as const;
const REFUSED = { status: 401, resourceMetadata: null, scopes: [], error: 'invalid_token' } as const;
const client = { id: CLIENT.client_id, authMethod: 'client_secret_basic' } as const;

/** Two providers that know the gateway by the same client id, and by a secret each; the upstream is at the first. */
async function startTwo(t: TestContext, oauth: (issuer: string) => Partial<UpstreamOauth> = () => ({})) {
  const [old, next] = await Promise.all(
    ['old-secret', 'new-secret'].map((secret) =>
      startOauthProvider({ clients: [{ ...CLIENT, client_secret: secret }] }),
    ),
  );
  t.after(() => Promise.all([old!.close(), next!.close()]));
  const fake = await startUpstream(t, old!);
  const declared = [oauthUpstream('up', fake.url, { oauth: { client, ...oauth(old!.issuer) } })];
  const secret = { now: 'old-secret' };
  const folder = await newBrokerFolder(t);
  const open = async (): Promise<Broker> => {
    const broker = await openBroker(folder, {
      upstreams: () => declared,
      secretOf: async (_, name) => (name === 'client-secret' ? new Secret(secret.now) : null),
    });
    t.after(broker.close);
    return broker;
  };
  const broker = await open();
  await connect(broker, 'up', ann);
  return { old: old!, next: next!, fake, declared, secret, open, broker };
}

const saw = ({ requests }: FakeOauthProvider, secret: string): string[] =>
  requests
    .filter(({ headers, params }) => {
      const basic = Buffer.from(headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString();
      return basic.endsWith(`:${secret}`) || params.get('client_secret') === secret;
    })
    .map(({ endpoint }) => endpoint);

test('the provider that was left gets its tokens back, and not the secret of the one that came after it', async (t) => {
  const { old, next, declared, secret, broker } = await startTwo(t, (issuer) => ({ issuer }));
  const moved = await startUpstream(t, next);
  declared[0] = oauthUpstream('up', moved.url, { oauth: { client, issuer: next.issuer } });
  secret.now = 'new-secret';
  await broker.connections.disconnect('up', ann, admin);
  await broker.connections.sweep();
  assert.deepEqual(saw(old, 'new-secret'), []);
  assert.deepEqual(old.stats.revocations.sort(), ['access_token', 'refresh_token'], 'with the secret of that time');
});

test('an upstream at another address that names no provider does not inherit the one of its name', async (t) => {
  const { old, next, declared, secret, broker, open } = await startTwo(t);
  const moved = await startOauthUpstream(next, { metadata: 'none' });
  t.after(() => moved.close());
  declared[0] = oauthUpstream('up', moved.url, { oauth: { client } });
  secret.now = 'new-secret';
  for (const each of [broker, await open()]) {
    await assert.rejects(connect(each, 'up', user('usr_ben')), { code: 'connect_failed', message: /set `issuer`/ });
  }
  assert.deepEqual(saw(old, 'new-secret'), []);
});

test('a preset that is set later says where people sign in, whatever was before', async (t) => {
  const { fake, declared, broker } = await startTwo(t);
  declared[0] = oauthUpstream('up', fake.url, { oauth: { client: { ...client, id: 'other' }, preset: 'github' } });
  const { host, issuer } = await broker.connections.plan('up', user('usr_ben'));
  assert.deepEqual([host, issuer], ['github.com', 'https://github.com/login/oauth']);
});

test('a token in memory is not used any more when another provider is set', async (t) => {
  const { fake, next, declared, broker } = await startTwo(t);
  assert.ok(await broker.connections.of(declared[0]!, ann));
  declared[0] = oauthUpstream('up', fake.url, { oauth: { client, issuer: next.issuer } });
  await assert.rejects(async () => broker.connections.of(declared[0]!, ann), {
    code: 'connection_required',
    message: /another address or provider/,
  });
});

test('a call to the new address gets no token that is being refreshed for the old one', async (t) => {
  const { old, next, declared, broker } = await startTwo(t, (issuer) => ({ issuer }));
  const before = declared[0]!;
  const used = await broker.connections.of(before, ann);
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  old.tamper.token = async (answer) => {
    reached.resolve();
    await goOn.promise;
    return answer;
  };
  const refreshed = broker.connections.renewed(before, ann, used, REFUSED);
  await reached.promise;
  const moved = await startUpstream(t, next);
  declared[0] = oauthUpstream('up', moved.url, { oauth: { client, issuer: next.issuer } });
  const call = Promise.resolve().then(() => broker.connections.of(declared[0]!, ann));
  const refused = assert.rejects(call, { code: 'connection_required' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  goOn.resolve();
  await refreshed;
  await refused;
});

test('the old address gets no token of the new one by refusing a call that was under way', async (t) => {
  const { next, declared, secret, broker } = await startTwo(t, (issuer) => ({ issuer }));
  const before = declared[0]!;
  const used = await broker.connections.of(before, ann);
  const moved = await startUpstream(t, next);
  declared[0] = oauthUpstream('up', moved.url, { oauth: { client, issuer: next.issuer } });
  secret.now = 'new-secret';
  await connect(broker, 'up', ann);
  await assert.rejects(broker.connections.renewed(before, ann, used, REFUSED), { code: 'connection_required' });
});

test('the provider of before gets no secret of the one of now, by a call of a machine that was under way', async (t) => {
  const { provider, mcp, secrets, open, upstream, clock } = await startMachineTokens(t);
  const other = await startProvider(t);
  const declared = [upstream('client-credentials', { issuer: provider.issuer })];
  const before = declared[0]!;
  const tokens = open({ upstream: (name) => declared.find((one) => one.name === name) });
  const used = await tokens.of(before, undefined);
  declared[0] = { ...upstream('client-credentials', { issuer: other.issuer }), url: `${mcp.url}/moved` };
  secrets['client-secret'] = 'secret-of-the-other';
  provider.requests.length = 0;
  clock.passed = 60_000;
  await assert.rejects(async () => tokens.renewed(before, undefined, used, REFUSED), { code: 'upstream_unavailable' });
  assert.deepEqual(saw(provider, 'secret-of-the-other'), []);
});
