/** What happens to a connection at the worst moment: it ends while it is refreshed, the clock is set back under its lease. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Secret } from '../../src/lib/secret.ts';
import { readTokens, tokensRef, writeTokens } from '../../src/upstreams/oauth/connection-tokens.ts';
import type { Vault } from '../../src/vault/vault.ts';
import {
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

const ann = user('usr_ann');
const admin = { kind: 'user', id: 'usr_admin', name: 'admin' } as const;
const REFUSED = { status: 401, resourceMetadata: null, scopes: [], error: 'invalid_token' } as const;

async function start(t: TestContext, options: { wrapVault?: (vault: Vault) => Vault; now?: () => number } = {}) {
  const provider = await startOauthProvider({ clients: [SEEDED_CLIENT] });
  t.after(() => provider.close());
  const fake = await startOauthUpstream(provider);
  t.after(() => fake.close());
  const up = oauthUpstream('up', fake.url);
  const broker = await openBroker(await newBrokerFolder(t), { upstreams: () => [up], ...options });
  t.after(broker.close);
  return { provider, up, broker };
}

test('tokens that are stored while their connection is cleared away are given back as well', async (t) => {
  let meanwhile: (() => Promise<void>) | null = null;
  const { provider, up, broker } = await start(t, {
    wrapVault: (vault) => ({
      ...vault,
      async remove(ref, expected) {
        const work = meanwhile;
        if (ref.name === 'oauth-tokens') meanwhile = null;
        if (ref.name === 'oauth-tokens') await work?.();
        return vault.remove(ref, expected);
      },
    }),
  });
  await connect(broker, 'up', ann);
  // A refresh of another process, which got new tokens just before.
  const newer = provider.issueTo('ann', SEEDED_CLIENT.client_id);
  meanwhile = async () => {
    const ref = tokensRef({ tenantId: 'default', upstream: 'up', owner: ann });
    const entry = await broker.vault.readStored(ref);
    const tokens = readTokens(entry!.value)!;
    const accessToken = new Secret(newer.accessToken);
    const refreshToken = new Secret(newer.refreshToken!);
    assert.ok(await broker.vault.replace(ref, entry, writeTokens({ ...tokens, accessToken, refreshToken })));
  };
  await broker.connections.disconnect('up', ann, admin);
  await broker.connections.sweep();
  assert.equal(newer.grant.revoked, true);
  await assert.rejects(async () => broker.connections.of(up, ann), { code: 'connection_required' });
  assert.equal((await broker.db.selectFrom('upstream_connections').selectAll().execute()).length, 0);
});

test('a clock that is set back does not leave a connection to a process that died long ago', async (t) => {
  const clock = { moved: 0 };
  const { provider, up, broker } = await start(t, { now: () => Date.now() + clock.moved });
  await seedConnection(broker, provider, up, ann);
  const used = await broker.connections.of(up, ann);
  // Its process was killed in the middle of a refresh, and what came of the one before was noted.
  const lease = { lease_by: 'dead:1', lease_until: Date.now() + 20_000, retry_at: Date.now() + 60_000 };
  await broker.db.updateTable('upstream_connections').set(lease).execute();
  clock.moved = -24 * 3_600_000;
  const next = await broker.connections.renewed(up, ann, used, REFUSED);
  assert.notEqual(bearerOf(next), bearerOf(used));
});
