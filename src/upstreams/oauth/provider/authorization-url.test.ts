import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { configuredClient, oauthSettings } from '../../../../test/fakes/oauth-settings.ts';
import { type AuthorizationOptions, authorizationUrl } from './authorization-url.ts';
import { PRESETS } from './presets.ts';
import type { Provider } from './provider.ts';
import { ProviderFailure } from './provider-failure.ts';

const issuer = 'https://idp.example';
const provider = (server: object = {}, changes: Partial<Provider> = {}): Provider => ({
  issuer,
  server: {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    code_challenge_methods_supported: ['S256'],
    ...server,
  },
  resource: 'https://mcp.example/mcp',
  scopes: { challenge: null, supported: null },
  via: '',
  ...changes,
});
const codeVerifier = 'v'.repeat(43);

const build = (changes: Partial<AuthorizationOptions> = {}) =>
  authorizationUrl({
    provider: provider(),
    client: configuredClient({ issuer }),
    oauth: oauthSettings({ reach: 'public' }),
    preset: null,
    scopes: ['read', 'write'],
    redirectUri: 'https://gateway.example/connect/callback',
    state: 'state-1',
    codeVerifier,
    ...changes,
  });

test('the request has PKCE with S256, the state, the scopes and the resource', async () => {
  const url = await build();
  assert.equal(url.origin + url.pathname, 'https://idp.example/authorize');
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    response_type: 'code',
    client_id: 'toolgate',
    redirect_uri: 'https://gateway.example/connect/callback',
    scope: 'read write',
    state: 'state-1',
    code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: 'https://mcp.example/mcp',
  });
});

test('without scopes there is no scope, and without a resource no resource', async () => {
  const url = await build({ scopes: [], provider: provider({}, { resource: null }) });
  assert.equal(url.searchParams.has('scope'), false);
  assert.equal(url.searchParams.has('resource'), false);
});

test('a query that the endpoint has stays, but cannot take the place of a parameter', async () => {
  const endpoint = `${issuer}/authorize?tenant=1&client_id=evil&redirect_uri=https://evil.example&client_id=evil2`;
  const url = await build({ provider: provider({ authorization_endpoint: endpoint }), scopes: [] });
  assert.equal(url.searchParams.get('tenant'), '1');
  assert.deepEqual(url.searchParams.getAll('client_id'), ['toolgate']);
  assert.deepEqual(url.searchParams.getAll('redirect_uri'), ['https://gateway.example/connect/callback']);
});

test('the parameters of a preset go along, and cannot take the place of one either', async () => {
  const google = await build({ preset: PRESETS.google! });
  assert.equal(google.searchParams.get('access_type'), 'offline');
  assert.equal(google.searchParams.get('prompt'), 'consent');
  const preset = { ...PRESETS.google!, authorizationParams: { state: 'fixed', code_challenge_method: 'plain' } };
  const url = await build({ preset });
  assert.equal(url.searchParams.get('state'), 'state-1');
  assert.equal(url.searchParams.get('code_challenge_method'), 'S256');
  assert.equal((await build({ preset: PRESETS.slack! })).searchParams.get('scope'), 'read,write');
  assert.equal((await build({ preset: PRESETS.github! })).searchParams.get('scope'), 'read write');
});

test('offline_access comes with a prompt, which providers want for it, but not at Entra', async () => {
  const scopes = ['read', 'offline_access'];
  assert.equal((await build({ scopes })).searchParams.get('prompt'), 'consent');
  assert.equal((await build({ scopes, preset: PRESETS.entra! })).searchParams.get('prompt'), null);
});

test('nobody is sent to anything but https, or without PKCE, or with a client of another provider', async () => {
  const refused = async (changes: Partial<AuthorizationOptions>, kind: string) =>
    assert.rejects(build(changes), (error) => error instanceof ProviderFailure && error.kind === kind);
  for (const endpoint of ['http://idp.example/a', 'javascript:alert(1)', 'a:$(calc)', 'file:///x', undefined]) {
    await refused({ provider: provider({ authorization_endpoint: endpoint }) }, 'metadata');
  }
  const local = provider({ authorization_endpoint: 'http://127.0.0.1:9/a' });
  await refused({ provider: local }, 'metadata');
  assert.equal((await build({ provider: local, oauth: oauthSettings() })).host, '127.0.0.1:9');
  await refused({ provider: provider({ code_challenge_methods_supported: undefined }) }, 'metadata');
  await refused({ provider: provider({ code_challenge_methods_supported: ['plain'] }) }, 'metadata');
  await refused({ client: configuredClient({ issuer: 'https://other.example' }) }, 'changed_issuer');
  await refused({ client: configuredClient() }, 'changed_issuer');
});
