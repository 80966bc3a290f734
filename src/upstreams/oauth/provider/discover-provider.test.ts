import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discover, startWorld } from '../../../../test/fakes/discovery-world.ts';
import { serveFixed } from '../../../../test/fakes/fixed-answers.ts';
import { oauthSettings } from '../../../../test/fakes/oauth-settings.ts';
import { failsAs } from '../../../../test/fakes/provider-failures.ts';
import { PRESETS } from './presets.ts';

const endpoints = (issuer: string, at = issuer) => ({
  issuer,
  authorization_endpoint: `${at}/a`,
  token_endpoint: `${at}/t`,
  code_challenge_methods_supported: ['S256'],
});
const PRM = '/.well-known/oauth-protected-resource';
const AS = '/.well-known/oauth-authorization-server';

for (const era of ['legacy', 'modern'] as const) {
  test(`the provider is found that the 401 of a ${era} upstream leads to, with what it asks for`, async () => {
    await using place = await startWorld({ era, challengeScopes: ['mcp:read', 'files:read'] });
    const { upstream, provider } = place;
    const found = await discover(upstream.url);
    assert.equal(found.issuer, provider.issuer);
    assert.equal(found.server.token_endpoint, `${provider.issuer}/token`);
    assert.equal(found.resource, upstream.url);
    assert.deepEqual(found.scopes, { challenge: ['mcp:read', 'files:read'], supported: ['mcp:read'] });
    assert.match(found.via, /^resource metadata that the 401 names .*; provider metadata/);
    const gets = upstream.received.filter(({ method }) => method === 'GET').map(({ path }) => path);
    assert.deepEqual(gets, [`${PRM}/mcp`], 'and nowhere else');
    assert.deepEqual(upstream.tokens.size, 0);
  });
}

test('an upstream that lets everybody initialize is asked for a list, and its session is ended', async () => {
  await using place = await startWorld({ open: ['initialize'], challengeScopes: ['mcp:read'] });
  assert.deepEqual((await discover(place.upstream.url)).scopes.challenge, ['mcp:read']);
  await using modern = await startWorld({ era: 'modern', open: ['initialize'], challengeScopes: ['mcp:read'] });
  assert.deepEqual((await discover(modern.upstream.url)).scopes.challenge, ['mcp:read']);
  const list = modern.upstream.calls('tools/list')[0];
  assert.equal(list?.headers['mcp-protocol-version'], '2026-07-28');
  assert.equal(list?.message.params._meta['io.modelcontextprotocol/protocolVersion'], '2026-07-28');
  const deleted = place.upstream.received.filter(({ method }) => method === 'DELETE');
  assert.ok(deleted[0]?.headers['mcp-session-id']);
});

test('a challenge that is known already is used, and the upstream is not asked', async () => {
  await using place = await startWorld();
  const challenge = { status: 403, resourceMetadata: null, scopes: ['x'], error: 'insufficient_scope' } as const;
  assert.deepEqual((await discover(place.upstream.url, { challenge })).scopes.challenge, ['x']);
  assert.equal(place.upstream.received.filter(({ method }) => method === 'POST').length, 0);
});

test('a provider that fails or does not answer is no provider without metadata: try again later', async () => {
  await using place = await startWorld();
  place.provider.intercept = (_, response) => Boolean(response.writeHead(503).end());
  await assert.rejects(discover(place.upstream.url), failsAs('transient', /503/));
  await place.provider.close();
  await assert.rejects(discover(place.upstream.url), failsAs('transient', /cannot be reached/));
  await place.upstream.close();
  await assert.rejects(discover(place.upstream.url), failsAs('transient', /The upstream cannot be used/));
});

test('a server of 2025-03-26 is its own provider: metadata at its origin, whatever its path', async () => {
  const challenge = { status: 401 };
  await using up = await serveFixed((origin) => ({
    '/v1/mcp': challenge,
    [AS]: { body: endpoints(origin, `${origin}/oauth`) },
  }));
  const found = await discover(`${up.origin}/v1/mcp`);
  assert.equal(found.server.authorization_endpoint, `${up.origin}/oauth/a`);
  assert.equal(found.resource, `${up.origin}/v1/mcp`);
  assert.deepEqual(found.scopes, { challenge: null, supported: null });
  assert.ok(up.seen.every((headers) => headers['mcp-protocol-version'] !== undefined));
  // It may have named itself by the place of its endpoints, but not by another origin.
  for (const says of ['/oauth', '/']) {
    await using other = await serveFixed((origin) => ({
      '/v1/mcp': challenge,
      [AS]: { body: endpoints(origin + says, `${origin}/oauth`) },
    }));
    assert.equal((await discover(`${other.origin}/v1/mcp`)).issuer, other.origin + says);
  }
  await using foreign = await serveFixed((origin) => ({
    '/v1/mcp': challenge,
    [AS]: { body: endpoints('https://honest.example', origin) },
  }));
  await assert.rejects(discover(`${foreign.origin}/v1/mcp`), failsAs('metadata', /says that it is of/));
  // Without metadata, the endpoints that the revision gives.
  await using bare = await serveFixed(() => ({ '/v1/mcp': challenge }));
  const { server, via } = await discover(`${bare.origin}/v1/mcp`);
  assert.deepEqual(
    [server.authorization_endpoint, server.token_endpoint, server.registration_endpoint],
    ['/authorize', '/token', '/register'].map((path) => bare.origin + path),
  );
  assert.match(via, /default endpoints of 2025-03-26/);
});

test('endpoints are never guessed for an upstream that wants no token, or that names its provider', async () => {
  await using open = await serveFixed(() => ({ '/mcp': { body: { jsonrpc: '2.0', id: 1, result: {} } } }));
  await assert.rejects(discover(`${open.origin}/mcp`), failsAs('metadata', /asks for no token/));
  await using up = await serveFixed((origin) => ({
    [`${PRM}/mcp`]: { body: { resource: `${origin}/mcp`, authorization_servers: [origin] } },
    '/mcp': { status: 401 },
  }));
  await assert.rejects(discover(`${up.origin}/mcp`), failsAs('metadata', /has no metadata of a provider/));
});

test('the provider that is set is the only one: an upstream that names another one is stopped', async () => {
  await using place = await startWorld();
  await using other = await startWorld();
  const { upstream, provider } = place;
  const oauth = oauthSettings({ issuer: provider.issuer });
  upstream.authorizationServers = [other.provider.issuer, provider.issuer];
  assert.equal((await discover(upstream.url, { oauth })).issuer, provider.issuer, 'one of several');
  assert.equal((await discover(upstream.url)).issuer, other.provider.issuer, 'the first one when none is set');
  upstream.authorizationServers = [`${provider.issuer}/`];
  assert.equal((await discover(upstream.url, { oauth })).issuer, provider.issuer, 'a careless slash');
  other.provider.requests.length = 0;
  upstream.authorizationServers = [other.provider.issuer];
  await assert.rejects(discover(upstream.url, { oauth }), failsAs('changed_issuer', /names .* as its provider, but/));
  assert.equal(other.provider.requests.length, 0);
});

test('a preset of a product that everybody has their own of says what to set, where the upstream names nobody', async () => {
  await using place = await startWorld({ metadata: 'none' });
  const preset = PRESETS.entra!;
  await assert.rejects(discover(place.upstream.url, { preset }), failsAs('metadata', /Set `issuer`.*tenant id/));
});

test('a provider that is set is used for an upstream that names none', async () => {
  await using place = await startWorld({ metadata: 'none' }, { path: '/tenant1' });
  const found = await discover(place.upstream.url, { oauth: oauthSettings({ issuer: place.provider.issuer }) });
  assert.equal(found.issuer, place.provider.issuer);
  assert.match(found.via, /^provider of the settings/);
});

test('a name that metadata contradicts is accepted where a preset knows of it, and only for that name', async () => {
  await using as = await serveFixed((origin) => ({
    [`${AS}/tenant`]: { body: endpoints('https://idp.example', origin) },
  }));
  const preset = { ...PRESETS.atlassian!, issuerOf: { [`${as.origin}/tenant`]: 'https://idp.example' } };
  const upstream = (names: string) =>
    serveFixed((origin) => ({ [PRM]: { body: { resource: origin, authorization_servers: [names] } } }));
  await using up = await upstream(`${as.origin}/tenant`);
  const found = await discover(`${up.origin}/mcp`, { preset });
  assert.equal(found.issuer, 'https://idp.example');
  const pinned = oauthSettings({ issuer: 'https://idp.example' });
  assert.equal((await discover(`${up.origin}/mcp`, { preset, oauth: pinned })).issuer, 'https://idp.example');
  await assert.rejects(discover(`${up.origin}/mcp`), failsAs('metadata', /says that it is of/));
});

test('the resource is the URL without query and fragment, and none where it is not to be sent', async () => {
  await using up = await serveFixed(() => ({ '/mcp?key=secret': { status: 401 }, '/': { status: 401 } }));
  assert.equal((await discover(`${up.origin}/mcp?key=secret#x`)).resource, `${up.origin}/mcp`);
  assert.equal((await discover(`${up.origin}/`)).resource, up.origin);
  assert.ok(up.requests.every((request) => !request.startsWith('GET') || !request.includes('secret')));
  const oauth = oauthSettings({ sendResource: false });
  assert.equal((await discover(`${up.origin}/`, { oauth })).resource, null);
});
