import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { startOauthProvider } from '../../../../test/fakes/oauth-provider.ts';
import { OauthError } from '../../../../test/fakes/oauth-provider-grants.ts';
import { bearerOf, CLIENT, codeOf, startMachineTokens, tokenRequests } from '../../../../test/start-machine-tokens.ts';
import { AppError } from '../../../errors/app-error.ts';
import { Secret } from '../../../lib/secret.ts';
import type { Challenge } from '../provider/challenge.ts';
import type { OauthUpstream } from '../upstream-providers.ts';

const ANN = { kind: 'user', id: 'usr_ann' } as const;
const UNAUTHORIZED: Challenge = { status: 401, resourceMetadata: null, scopes: [], error: 'invalid_token' };
const lacking = (...scopes: string[]): Challenge => ({
  ...UNAUTHORIZED,
  status: 403,
  scopes,
  error: 'insufficient_scope',
});

/** Waits until work that nobody waits for is done. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test('the client of the gateway gets a token that the upstream takes, for what the upstream asks for', async (t) => {
  const { provider, mcp, events, open, upstream } = await startMachineTokens(t);
  const credential = await open().of(upstream(), undefined);
  assert.equal(credential.headers[0]![0], 'Authorization');
  const token = provider.token(bearerOf(credential))!;
  assert.equal(token.grant.account, 'client toolgate-client');
  assert.deepEqual(token.scopes, ['mcp:read']);
  const [request] = tokenRequests(provider);
  assert.deepEqual([request!.get('grant_type'), request!.get('resource')], ['client_credentials', mcp.url]);
  assert.deepEqual(
    events.map(({ action, target, outcome }) => [action, target, outcome]),
    [
      ['connection.register', 'shared', 'ok'],
      ['connection.connect', 'shared', 'ok'],
    ],
  );
});

test('a client authenticates itself by its secret in the body, or by a signed assertion', async (t) => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const keyed = {
    client_id: 'keyed',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] },
  };
  const posting = { ...CLIENT, client_id: 'posting', token_endpoint_auth_method: 'client_secret_post' };
  const { provider, secrets, open, upstream } = await startMachineTokens(t, { clients: [keyed, posting] });
  secrets['client-key'] = await exportPKCS8(privateKey);
  const byKey = await open().of(
    { ...upstream('client-credentials', { client: { id: 'keyed', authMethod: 'private_key_jwt' } }), name: 'a' },
    undefined,
  );
  assert.equal(provider.token(bearerOf(byKey))!.grant.account, 'client keyed');
  const bySecret = await open().of(
    { ...upstream('client-credentials', { client: { id: 'posting', authMethod: 'client_secret_post' } }), name: 'b' },
    undefined,
  );
  assert.equal(provider.token(bearerOf(bySecret))!.grant.account, 'client posting');
});

test('many calls at once share one request, and later ones get the same credential without waiting', async (t) => {
  const { provider, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream();
  const all = await Promise.all(Array.from({ length: 50 }, () => tokens.of(files, undefined)));
  assert.equal(new Set(all).size, 1);
  assert.equal(provider.to('token').length, 1);
  assert.equal(tokens.of(files, ANN), all[0], 'at once, and whoever calls');
  assert.deepEqual(tokens.stats(), { warm: 1, obtaining: 0, obtained: 1, failed: {} });
});

test('a token is replaced behind the calls before it ends, and the credential keeps its id', async (t) => {
  const { provider, clock, events, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream();
  const first = await tokens.of(files, undefined);
  clock.passed += 580_000;
  assert.equal(tokens.of(files, undefined), first, 'nobody waits for the next one');
  await until(() => tokens.of(files, undefined) !== first);
  const second = await tokens.of(files, undefined);
  assert.equal(second.id, first.id);
  assert.notEqual(bearerOf(second), bearerOf(first));
  assert.equal(provider.to('token').length, 2);
  assert.equal(events.at(-1)!.action, 'connection.refresh');
});

test('a token that is over is never handed out', async (t) => {
  const { clock, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream();
  const first = await tokens.of(files, undefined);
  clock.passed += 600_000;
  const second = await tokens.of(files, undefined);
  assert.notEqual(bearerOf(second), bearerOf(first));
});

test('while the provider fails, a token that is good stays in use', async (t) => {
  const { provider, clock, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream();
  const first = await tokens.of(files, undefined);
  provider.intercept = ({ endpoint }, response) => {
    if (endpoint !== 'token') return false;
    response.writeHead(503).end();
    return true;
  };
  clock.passed += 580_000;
  const before = provider.to('token').length;
  assert.equal(tokens.of(files, undefined), first);
  await until(() => tokens.stats().obtaining === 0 && provider.to('token').length > before);
  assert.equal(await tokens.of(files, undefined), first);
  clock.passed += 20_000;
  await assert.rejects(async () => tokens.of(files, undefined), codeOf('upstream_unavailable'));
  provider.intercept = undefined;
  clock.passed += 60_000;
  assert.notEqual(bearerOf(await tokens.of(files, undefined)), bearerOf(first));
});

test('operators see which tokens work, until when, and why there are none', async (t) => {
  const { provider, clock, said, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream();
  const shared = { kind: 'shared', id: '' } as const;
  assert.deepEqual([...tokens.health()], []);
  assert.equal(tokens.works('files', shared), false);
  await tokens.of(files, undefined);
  const good = tokens.health().get('files')!;
  assert.deepEqual([good.states, good.lastError], [{ working: 1 }, null]);
  assert.ok(Math.abs(good.expiresAt! - (Date.now() + 600_000)) < 60_000);
  assert.equal(tokens.works('files', shared), true);

  const exchange = { grant: 'token-exchange', subject: 'identity-provider', provider: 'corp', audience: null } as const;
  const people = { ...upstream('token-exchange', { exchange }), name: 'people' };
  await assert.rejects(async () => tokens.of(people, ANN), codeOf('connection_required'));
  const waiting = tokens.health().get('people')!;
  assert.deepEqual(waiting, { states: { needs_sign_in: 1 }, expiresAt: null, lastError: null });
  said.idTokens.set(`corp ${ANN.id}`, 'who ann is');
  await tokens.of(people, ANN);
  assert.deepEqual(tokens.health().get('people')!.states, { working: 1 });

  provider.intercept = ({ endpoint }, response) => {
    if (endpoint !== 'token') return false;
    response.writeHead(503).end();
    return true;
  };
  clock.passed += 600_000;
  await assert.rejects(async () => tokens.of(files, undefined), codeOf('upstream_unavailable'));
  const bad = tokens.health().get('files')!;
  assert.deepEqual([bad.states, bad.expiresAt], [{ failing: 1 }, null]);
  assert.deepEqual(tokens.health().get('people')!.lastError, null, 'each upstream for itself');
  assert.match(bad.lastError!.message, /There is no token for "files" right now/);
  assert.ok(bad.lastError!.at >= Date.now() + 599_000);
  assert.equal(tokens.works('files', shared), false);
  assert.deepEqual(tokens.stats().failed, { connection_required: 1, upstream_unavailable: 1 });
});

test('who issues tokens is found before anybody needs one, or what an administrator has to do is said', async (t) => {
  const { provider, open, upstream } = await startMachineTokens(t);
  const files = upstream() as OauthUpstream;
  assert.equal(await open().issuerOf(files), provider.issuer);
  assert.deepEqual(tokenRequests(provider), []);
  provider.tamper.metadata = (document) => ({ ...document, issuer: 'https://evil.example' });
  await assert.rejects(open().issuerOf(files), codeOf('upstream_credential_rejected'));
});

test('calls do not flood a provider that refuses the client, and a new secret counts at once', async (t) => {
  const { provider, secrets, vault, events, open, upstream } = await startMachineTokens(t);
  secrets['client-secret'] = 'wrong';
  const tokens = open();
  const files = upstream();
  for (let call = 0; call < 20; call++) {
    await assert.rejects(async () => tokens.of(files, undefined), codeOf('upstream_credential_rejected'));
  }
  assert.equal(provider.stats.invalidClients, 1);
  const failures = events.filter(({ action }) => action === 'connection.fail');
  assert.deepEqual(
    failures.map(({ reason, outcome }) => [reason, outcome]),
    [['upstream_credential_rejected', 'failed']],
  );
  secrets['client-secret'] = CLIENT.client_secret;
  const owner = { kind: 'shared', id: '' } as const;
  await vault.put({ tenantId: 'default', upstream: 'files', owner, name: 'client-secret' }, new Secret('hush-hush'));
  assert.ok(await tokens.of(files, undefined));
});

test('what the provider says about a failure comes without the secret', async (t) => {
  const { provider, open, upstream } = await startMachineTokens(t);
  provider.extraGrants.set('client_credentials', () => {
    throw new OauthError('invalid_request', `do not send ${CLIENT.client_secret} here\u001b[31m`);
  });
  await assert.rejects(
    async () => open().of(upstream(), undefined),
    (error) =>
      error instanceof AppError &&
      !/hush-hush/.test(error.message) &&
      !error.message.includes('\u001b') &&
      /invalid_request/.test(error.message),
  );
});

test('a token that the upstream refuses is replaced once for all calls that were refused', async (t) => {
  const { provider, clock, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream();
  const first = await tokens.of(files, undefined);
  provider.expireAccessTokens();
  clock.passed += 30_000;
  const renewed = await Promise.all(
    Array.from({ length: 20 }, () => tokens.renewed(files, undefined, first, UNAUTHORIZED)),
  );
  assert.equal(new Set(renewed).size, 1);
  assert.equal(provider.to('token').length, 2);
  assert.equal(
    await tokens.renewed(files, undefined, first, UNAUTHORIZED),
    renewed[0],
    'a late one gets what there is',
  );
  assert.equal(provider.to('token').length, 2);
});

test('an upstream that refuses every token does not make the gateway ask for one after the other', async (t) => {
  const { provider, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream();
  for (let call = 0; call < 5; call++) {
    const credential = await tokens.of(files, undefined);
    await assert.rejects(
      tokens.renewed(files, undefined, credential, UNAUTHORIZED),
      codeOf('upstream_credential_rejected'),
    );
  }
  assert.equal(provider.to('token').length, 1);
});

test('a scope that the upstream asks for later is added to those that there are', async (t) => {
  const { provider, clock, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream();
  const first = await tokens.of(files, undefined);
  const wider = await tokens.renewed(files, undefined, first, lacking('mcp:write'));
  assert.deepEqual([...provider.token(bearerOf(wider))!.scopes].sort(), ['mcp:read', 'mcp:write']);
  assert.equal(wider.id, first.id);
  await assert.rejects(
    tokens.renewed(files, undefined, wider, lacking('mcp:write')),
    codeOf('upstream_credential_rejected'),
    'it has that scope',
  );
  clock.passed += 600_000;
  const later = await tokens.of(files, undefined);
  assert.deepEqual([...provider.token(bearerOf(later))!.scopes].sort(), ['mcp:read', 'mcp:write'], 'it is kept');
});

test('scopes beyond those of the settings are not asked for', async (t) => {
  const { provider, open, upstream } = await startMachineTokens(t);
  const tokens = open();
  const files = upstream('client-credentials', { scopes: ['mcp:read'] });
  const first = await tokens.of(files, undefined);
  await assert.rejects(
    tokens.renewed(files, undefined, first, lacking('mcp:admin')),
    codeOf('upstream_credential_rejected'),
  );
  assert.equal(provider.to('token').length, 1);
});

test('a scope that the provider refuses does not spoil the token that there is, nor the next one', async (t) => {
  const { provider, clock, open, upstream } = await startMachineTokens(t);
  provider.extraGrants.set('client_credentials', (params) => {
    if (params.get('scope')?.includes('mcp:admin')) throw new OauthError('invalid_scope');
    return { account: 'client', scopes: ['mcp:read'] };
  });
  const tokens = open();
  const files = upstream();
  const first = await tokens.of(files, undefined);
  await assert.rejects(
    tokens.renewed(files, undefined, first, lacking('mcp:admin')),
    codeOf('upstream_credential_rejected'),
  );
  assert.equal(await tokens.of(files, undefined), first);
  clock.passed += 600_000;
  assert.ok(await tokens.of(files, undefined));
});

test('an upstream that names another provider gets no secret sent there, also after a restart', async (t) => {
  const { mcp, clock, open, upstream } = await startMachineTokens(t);
  const evil = await startOauthProvider();
  t.after(() => evil.close());
  const tokens = open();
  const files = upstream();
  const first = await tokens.of(files, undefined);
  mcp.authorizationServers = [evil.issuer];
  clock.passed += 120_000;
  await assert.rejects(tokens.renewed(files, undefined, first, UNAUTHORIZED), codeOf('connection_stopped'));
  await assert.rejects(async () => open().of(files, undefined), codeOf('connection_stopped'));
  assert.equal(evil.to('token').length, 0);
  assert.equal(
    evil.requests.some(({ headers }) => headers.authorization !== undefined),
    false,
  );
});
