/** Upstreams, and people, that make the gateway ask, remember or write without end. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Credential } from '../../src/upstreams/upstream-connection.ts';
import {
  type Broker,
  connect,
  newBrokerFolder,
  oauthUpstream,
  openBroker,
  SEEDED_CLIENT,
  seedConnection,
  user,
} from '../brokers.ts';
import { startConnectSite } from '../connect-site.ts';
import { startOauthProvider } from '../fakes/oauth-provider.ts';
import { startOauthUpstream } from '../fakes/upstream-oauth.ts';

const ann = user('usr_ann');
const REFUSED = { status: 401, resourceMetadata: null, scopes: [], error: 'invalid_token' } as const;

async function start(t: TestContext) {
  const provider = await startOauthProvider({ clients: [SEEDED_CLIENT] });
  t.after(() => provider.close());
  const fake = await startOauthUpstream(provider);
  t.after(() => fake.close());
  const folder = await newBrokerFolder(t);
  const up = oauthUpstream('up', fake.url);
  const open = async (): Promise<Broker> => {
    const broker = await openBroker(folder, { upstreams: () => [up] });
    t.after(broker.close);
    return broker;
  };
  return { provider, up, open };
}

test('an upstream that refuses every token does not make the processes of a gateway refresh in turns', async (t) => {
  const { provider, up, open } = await start(t);
  const first = await open();
  const { grant } = await seedConnection(first, provider, up, ann);
  const used: Credential = await first.connections.of(up, ann);
  const other = await open();
  const stale = await other.connections.of(up, ann);
  await first.connections.renewed(up, ann, used, REFUSED);
  const asked = provider.stats.refreshes.get(grant);
  // The other process learns of the new token, and has it refused as well.
  const newer = await other.connections.renewed(up, ann, stale, REFUSED);
  await assert.rejects(other.connections.renewed(up, ann, newer, REFUSED), { code: 'upstream_credential_rejected' });
  const third = await open();
  const again = await third.connections.of(up, ann);
  await assert.rejects(third.connections.renewed(up, ann, again, REFUSED), { code: 'upstream_credential_rejected' });
  assert.equal(provider.stats.refreshes.get(grant), asked);
});

test('an upstream that thinks of new scopes at every call does not grow the question without end', async (t) => {
  const { up, open } = await start(t);
  const { connections } = await open();
  await connect({ connections }, 'up', ann);
  const credential = await connections.of(up, ann);
  for (let call = 0; call < 20; call++) {
    const scopes = Array.from({ length: 100 }, (_, i) => `scope-${call}-${i}`);
    const challenge = { status: 403, resourceMetadata: null, scopes, error: 'insufficient_scope' } as const;
    await assert.rejects(connections.renewed(up, ann, credential, challenge), { code: 'connection_required' });
  }
  const { scopes } = await connections.plan('up', ann);
  assert.ok(scopes.includes('scope-19-99'), 'what the last call lacked is asked for');
  assert.ok(scopes.length <= 110, `${scopes.length} scopes`);
});

test('a provider whose tokens are over when they come is not asked at every call', async (t) => {
  for (const lifetime of [0, '', '0']) {
    const { provider, up, open } = await start(t);
    const broker = await open();
    await seedConnection(broker, provider, up, ann);
    provider.tamper.token = (answer) => ({ ...answer, expires_in: lifetime });
    for (let call = 0; call < 5; call++) await broker.connections.of(up, ann);
    assert.equal(provider.to('token').length, 1, JSON.stringify(lifetime));
  }
});

test('nobody has new tokens fetched, or sign-ins begun, without end', async (t) => {
  const site = await startConnectSite();
  t.after(() => site[Symbol.asyncDispose]());
  const person = await site.newPerson('ann');
  await site.connect(person, '/connect/docs');
  const statuses = new Set<number>();
  for (let i = 0; i < 15; i++) {
    const asked = await site.gateway.admin('POST', '/upstreams/docs/my-connection/refresh', undefined, person);
    statuses.add(asked.status);
  }
  assert.deepEqual([...statuses], [200, 409]);
  assert.ok(site.provider.grants[0]!.refreshes <= 10);

  const fields = site.fieldsOf(await person.browser.get('/connect/wiki'));
  let refused = 0;
  for (let i = 0; i < 40; i++) if ((await person.browser.post('/connect/wiki', fields)).status === 429) refused++;
  assert.ok(refused >= 10, `${refused} of 40 were refused`);
});
