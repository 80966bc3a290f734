import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configuredClient, loopbackFetch as fetch } from '../../../../test/fakes/oauth-settings.ts';
import { startFlow } from '../../../../test/fakes/provider-flow.ts';
import { Secret } from '../../../lib/secret.ts';
import { ProviderFailure } from './provider-failure.ts';
import { revokeToken } from './revoke-token.ts';

test('revoking the refresh token ends the whole grant, and doing it again is no failure', async () => {
  await using flow = await startFlow();
  const { provider, client } = flow;
  const tokens = await flow.connect();
  const revoke = () => revokeToken({ provider, client, fetch, token: tokens.refreshToken!, hint: 'refresh_token' });
  assert.equal(await revoke(), 'revoked');
  assert.equal(flow.fake.isValid(tokens.accessToken.reveal()), false);
  assert.deepEqual(flow.fake.stats.revocations, ['refresh_token']);
  assert.equal(flow.fake.to('revoke')[0]?.params.get('token_type_hint'), 'refresh_token');
  assert.equal(await revoke(), 'revoked');
  assert.equal(await revokeToken({ provider, client, fetch, token: new Secret('x'), hint: 'access_token' }), 'revoked');
});

test('a provider without revocation is unsupported, and so is a kind of token that it does not revoke', async () => {
  await using flow = await startFlow();
  const { provider, client } = flow;
  const { revocation_endpoint: _, ...server } = provider.server;
  const token = new Secret('x');
  const options = { provider, client, fetch, token, hint: 'access_token' } as const;
  assert.equal(await revokeToken({ ...options, provider: { ...provider, server } }), 'unsupported');
  flow.fake.intercept = (_, response) => Boolean(response.writeHead(400).end('{"error":"unsupported_token_type"}'));
  assert.equal(await revokeToken(options), 'unsupported');
  flow.fake.intercept = (_, response) => Boolean(response.writeHead(400).end('{"error":"invalid_token"}'));
  assert.equal(await revokeToken(options), 'revoked');
});

test('failures say whether another try is worth it, and never what the token was', async () => {
  await using flow = await startFlow();
  const { provider, client } = flow;
  const token = new Secret('the-token-itself');
  const attempt = () => revokeToken({ provider, client, fetch, token, hint: 'access_token' });
  const failsAs = (kind: string) => (error: unknown) => {
    assert.ok(error instanceof ProviderFailure && error.kind === kind, String(error));
    assert.doesNotMatch(error.message, /the-token-itself/);
    return true;
  };
  flow.fake.intercept = (_, response) => Boolean(response.writeHead(503).end());
  await assert.rejects(attempt(), failsAs('transient'));
  const body = JSON.stringify({ error: 'invalid_request', error_description: 'what is the-token-itself?' });
  flow.fake.intercept = (_, response) => Boolean(response.writeHead(400).end(body));
  await assert.rejects(attempt(), failsAs('protocol'));
  flow.fake.intercept = undefined;
  flow.fake.purgeClients();
  await assert.rejects(attempt(), failsAs('invalid_client'));
  const other = configuredClient({ issuer: 'https://other.example' });
  const sent = flow.fake.to('revoke').length;
  await assert.rejects(
    revokeToken({ provider, client: other, fetch, token, hint: 'access_token' }),
    failsAs('changed_issuer'),
  );
  assert.equal(flow.fake.to('revoke').length, sent);
  await flow.fake.close();
  await assert.rejects(attempt(), failsAs('transient'));
});
