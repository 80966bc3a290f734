import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProviderBehaviour } from '../../../../test/fakes/oauth-provider-behaviours.ts';
import { configuredClient, loopbackFetch as fetch, oauthSettings } from '../../../../test/fakes/oauth-settings.ts';
import { callTool, type FlowOptions, startFlow } from '../../../../test/fakes/provider-flow.ts';
import { Secret } from '../../../lib/secret.ts';
import { discoverProvider } from './discover-provider.ts';
import { PRESETS } from './presets.ts';
import type { TokenSet } from './provider.ts';
import { ProviderFailure } from './provider-failure.ts';
import { refreshTokens } from './refresh-tokens.ts';
import { revokeToken } from './revoke-token.ts';

type Flow = Awaited<ReturnType<typeof startFlow>>;
const SECRET = 'the-secret';
const CLIENTS = [{ client_id: 'toolgate', client_secret: SECRET }];

/** A provider of this kind, used with its preset, with a client that was registered by hand unless `dynamic`. */
function start(name: ProviderBehaviour, options: FlowOptions & { dynamic?: boolean } = {}): Promise<Flow> {
  const { dynamic = false, ...more } = options;
  return startFlow({
    preset: PRESETS[name]!,
    pin: true,
    ...(!dynamic && { configured: configuredClient({ secret: new Secret(SECRET) }) }),
    ...more,
    provider: { behaviour: name, ...(!dynamic && { clients: CLIENTS }), ...more.provider },
    upstream: { metadata: 'none', ...more.upstream },
  });
}

const refresh = ({ provider, client, oauth, preset }: Flow, tokens: TokenSet) =>
  refreshTokens({ provider, client, oauth, preset, fetch, refreshToken: tokens.refreshToken!, scopes: tokens.scopes });
const revoke = ({ provider, client }: Flow, token: Secret, hint: 'refresh_token' | 'access_token') =>
  revokeToken({ provider, client, token, hint, fetch });
const failsAs = (kind: ProviderFailure['kind']) => (error: unknown) =>
  error instanceof ProviderFailure && error.kind === kind;

test('GitHub: no metadata is asked for, answers are JSON with commas, tokens stay, errors come with 200', async () => {
  await using flow = await start('github');
  const tokens = await flow.connect();
  assert.equal(flow.fake.requests.filter(({ path }) => path.includes('well-known')).length, 0);
  assert.equal(await callTool(flow.upstream.url, tokens, 'whoami'), 'ann@corp.example');
  assert.deepEqual(tokens.scopes, ['repo', 'read:org', 'read:user']);
  assert.equal(tokens.expiresAt, null);
  assert.equal(tokens.refreshToken, null);
  assert.equal(tokens.account, 'ann@corp.example', 'its API says it');
  const [request] = flow.fake.to('token');
  assert.equal(request?.headers.accept, 'application/json');
  assert.equal(request?.params.has('resource'), false);
  const callback = await flow.callback();
  await flow.exchange(callback);
  await assert.rejects(flow.exchange(callback), failsAs('invalid_grant'), 'bad_verification_code');
  const client = { ...flow.client, secret: new Secret('wrong') };
  const other = await flow.callback();
  await assert.rejects(flow.exchange(other, { client }), failsAs('invalid_client'), 'incorrect_client_credentials');
});

test('GitHub: a token is ended by its own API, with the credentials of the client', async () => {
  await using flow = await start('github');
  const { accessToken } = await flow.connect();
  assert.equal(await revoke(flow, accessToken, 'access_token'), 'revoked');
  assert.equal(flow.fake.isValid(accessToken.reveal()), false);
  assert.equal(await revoke(flow, accessToken, 'access_token'), 'revoked', 'it is gone already');
  assert.equal(await revoke(flow, accessToken, 'refresh_token'), 'unsupported');
  const provider = { ...flow.provider, issuer: 'https://github.com/login/oauth' };
  const sent = flow.fake.requests.length;
  await assert.rejects(revoke({ ...flow, provider }, accessToken, 'access_token'), failsAs('changed_issuer'));
  assert.equal(flow.fake.requests.length, sent);
});

test('GitHub: tokens of an app with expiring tokens are refreshed, and bad_refresh_token means to connect again', async () => {
  await using flow = await start('github', { provider: { accessTokenSeconds: 28_800 } });
  const tokens = await flow.connect();
  assert.ok(tokens.expiresAt !== null);
  assert.ok((await refresh(flow, tokens)).refreshToken !== null);
  await assert.rejects(refresh(flow, tokens), failsAs('invalid_grant'));
});

test('GitHub, Slack: a preset without metadata works while nothing can be reached, with the true addresses', async () => {
  const offline = () => assert.fail('nothing is to be fetched');
  const of = (preset: string, url: string, issuer: string | null = null) => {
    const oauth = oauthSettings({ reach: 'public', issuer });
    return discoverProvider({ url, oauth, preset: PRESETS[preset]!, challenge: null, fetch: offline });
  };
  const github = await of('github', 'https://api.githubcopilot.com/mcp/');
  assert.equal(github.server.authorization_endpoint, 'https://github.com/login/oauth/authorize');
  assert.equal(github.server.token_endpoint, 'https://github.com/login/oauth/access_token');
  assert.equal(github.ownRevocation?.url, 'https://api.github.com/applications/{client}/token');
  const own = await of('github', 'https://mcp.corp.example/', 'https://git.corp.example/login/oauth');
  assert.equal(own.server.token_endpoint, 'https://git.corp.example/login/oauth/access_token');
  assert.equal(own.ownRevocation?.url, 'https://git.corp.example/api/v3/applications/{client}/token');
  const slack = await of('slack', 'https://mcp.slack.com/mcp');
  assert.equal(slack.server.authorization_endpoint, 'https://slack.com/oauth/v2_user/authorize');
  assert.equal(slack.server.token_endpoint, 'https://slack.com/api/oauth.v2.user.access');
  await assert.rejects(of('github', 'https://x.example', 'http://git.corp.example/login/oauth'), failsAs('metadata'));
});

test('Google: refresh tokens come only for access_type=offline with prompt=consent, and stay after a refresh', async () => {
  await using flow = await start('google', { oauth: { scopes: ['openid', 'email'] } });
  const tokens = await flow.connect();
  assert.equal(tokens.account, 'ann@corp.example');
  assert.equal((await refresh(flow, tokens)).refreshToken, tokens.refreshToken);
  assert.equal(await revoke(flow, tokens.refreshToken!, 'refresh_token'), 'revoked');
  await assert.rejects(refresh(flow, tokens), failsAs('invalid_grant'));
  await using without = await start('google', { preset: null });
  assert.equal((await without.connect()).refreshToken, null, 'as the fake shows without the preset');
});

test('Notion: a client without a secret is registered, and the answer names the account', async () => {
  await using flow = await start('notion', { dynamic: true, upstream: { metadata: 'header', scopesSupported: null } });
  assert.equal(flow.client.authMethod, 'none');
  assert.equal(flow.fake.to('register')[0]?.body?.token_endpoint_auth_method, 'none');
  const tokens = await flow.connect();
  assert.equal(tokens.account, 'ann@corp.example');
  assert.deepEqual(tokens.scopes, []);
  assert.ok((await refresh(flow, tokens)).accessToken);
});

test('Slack: user scopes with commas, tokens of the type user, errors with ok: false, its own revocation', async () => {
  await using flow = await start('slack', { oauth: { readOnly: true } });
  const tokens = await flow.connect();
  assert.ok(!tokens.scopes.includes('chat:write') && tokens.scopes.includes('channels:history'));
  assert.ok(flow.fake.to('authorize')[0]?.params.get('scope')?.includes('channels:history,'));
  assert.equal(tokens.account, 'ann@corp.example');
  assert.equal(tokens.expiresAt, null);
  assert.equal(await callTool(flow.upstream.url, tokens, 'whoami'), 'ann@corp.example');
  const callback = await flow.callback();
  await flow.exchange(callback);
  await assert.rejects(flow.exchange(callback), failsAs('invalid_grant'), 'invalid_code');
  assert.equal(await revoke(flow, tokens.accessToken, 'access_token'), 'revoked');
  assert.equal(flow.fake.isValid(tokens.accessToken.reveal()), false);
  assert.equal(await revoke(flow, tokens.accessToken, 'access_token'), 'revoked', 'it is gone already');
  await using without = await start('slack', {
    preset: { ...PRESETS.slack!, tokenTypes: [] },
  });
  await assert.rejects(without.connect(), failsAs('protocol'), 'as the fake shows without that');
});

test('Slack: with token rotation, tokens are refreshed', async () => {
  await using flow = await start('slack', { provider: { accessTokenSeconds: 43_200 } });
  const tokens = await flow.connect();
  assert.ok((await refresh(flow, tokens)).refreshToken !== null);
  await assert.rejects(refresh(flow, tokens), failsAs('invalid_grant'), 'invalid_refresh_token');
});

test('Atlassian, Linear: the gateway registers itself; read-only scopes are those that read', async () => {
  await using jira = await start('atlassian', {
    dynamic: true,
    oauth: { readOnly: true },
    upstream: { metadata: 'header', scopesSupported: ['read:jira-work', 'write:jira-work'] },
  });
  const tokens = await jira.connect();
  assert.deepEqual(tokens.scopes, ['read:jira-work', 'offline_access']);
  assert.equal(jira.fake.to('authorize')[0]?.params.get('prompt'), 'consent');
  await using linear = await start('linear', {
    dynamic: true,
    oauth: { readOnly: true },
    upstream: { metadata: 'header' },
  });
  assert.deepEqual((await linear.connect()).scopes, ['read']);
});

test('Entra: no resource, PKCE although it is not listed, and refresh tokens for offline_access', async () => {
  const scopes = ['api://mcp/.default', 'offline_access'];
  await using flow = await start('entra', { oauth: { scopes } });
  const tokens = await flow.connect();
  assert.ok(flow.fake.requests.every(({ params }) => !params.has('resource')));
  assert.equal(flow.fake.to('authorize')[0]?.params.get('code_challenge_method'), 'S256');
  assert.ok((await refresh(flow, tokens)).refreshToken !== null);
  assert.equal(await revoke(flow, tokens.refreshToken!, 'refresh_token'), 'unsupported');
  await using sending = await start('entra', { oauth: { scopes, sendResource: true } });
  await assert.rejects(sending.connect(), /AADSTS9010010.*Try `sendResource: false`/, 'as the fake shows');
  await using unlisted = await start('entra', { preset: null, oauth: { scopes } });
  await assert.rejects(unlisted.connect(), failsAs('metadata'), 'PKCE has to be listed without the preset');
});

test('Keycloak: registration without a resource in it, and the end of the refresh token', async () => {
  await using flow = await start('keycloak', { dynamic: true, upstream: { metadata: 'header' } });
  const tokens = await flow.connect();
  assert.ok(tokens.refreshExpiresAt! > Date.now());
  assert.ok((await refresh(flow, tokens)).refreshToken !== null);
  assert.equal(await revoke(flow, tokens.refreshToken!, 'refresh_token'), 'revoked');
});
