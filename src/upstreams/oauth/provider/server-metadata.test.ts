import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discover, startWorld } from '../../../../test/fakes/discovery-world.ts';
import { serveFixed } from '../../../../test/fakes/fixed-answers.ts';
import { oauthSettings } from '../../../../test/fakes/oauth-settings.ts';
import { failsAs } from '../../../../test/fakes/provider-failures.ts';

const endpoints = (issuer: string, at = issuer) => ({
  issuer,
  authorization_endpoint: `${at}/a`,
  token_endpoint: `${at}/t`,
  code_challenge_methods_supported: ['S256'],
});
const PRM = '/.well-known/oauth-protected-resource';
const AS = '/.well-known/oauth-authorization-server';
const OIDC = '/.well-known/openid-configuration';

test('metadata of a provider with a path is looked for inserted, as OpenID inserted, as OpenID appended, never at the root', async () => {
  for (const [path, from] of [
    [`${AS}/t1`, 0],
    [`${OIDC}/t1`, 1],
    [`/t1${OIDC}`, 2],
  ] as const) {
    await using as = await serveFixed((origin) => ({
      [AS]: { body: endpoints(origin) },
      [path]: { body: endpoints(`${origin}/t1`) },
    }));
    await using up = await serveFixed((origin) => ({
      [`${PRM}/mcp`]: { body: { resource: `${origin}/mcp`, authorization_servers: [`${as.origin}/t1`] } },
    }));
    assert.equal((await discover(`${up.origin}/mcp`)).issuer, `${as.origin}/t1`);
    const all = [`GET ${AS}/t1`, `GET ${OIDC}/t1`, `GET /t1${OIDC}`];
    assert.deepEqual(as.requests, all.slice(0, from + 1));
  }
});

test('metadata that says another issuer is never used, not even with a slash more; the next place may be right', async () => {
  const resource = (as: string) => (origin: string) => ({
    [`${PRM}/mcp`]: { body: { resource: `${origin}/mcp`, authorization_servers: [as] } },
  });
  for (const says of ['https://attacker.example', 'SLASH', 'UPPER']) {
    await using as = await serveFixed((origin) => {
      const issuer = { SLASH: `${origin}/`, UPPER: origin.toUpperCase() }[says] ?? says;
      return { [AS]: { body: endpoints(issuer, origin) } };
    });
    await using up = await serveFixed(resource(as.origin));
    await assert.rejects(discover(`${up.origin}/mcp`), failsAs('metadata', /says that it is of/));
    assert.ok(!as.requests.some((request) => request.endsWith('/a') || request.endsWith('/t')));
  }
  await using as = await serveFixed((origin) => ({
    [AS]: { body: endpoints('https://attacker.example', origin) },
    [OIDC]: { body: endpoints(origin) },
  }));
  await using up = await serveFixed(resource(as.origin));
  assert.match((await discover(`${up.origin}/mcp`)).via, /openid-configuration/);
});

test('endpoints that are not https, or http on this machine in development, are refused: no other scheme, no user', async () => {
  const hostile = [
    ['authorization_endpoint', 'javascript:alert(1)'],
    ['authorization_endpoint', 'file:///etc/passwd'],
    ['authorization_endpoint', 'a:$(calc.exe)?response_type=code'],
    ['authorization_endpoint', 'http://public.example/a'],
    ['token_endpoint', 'http://10.0.0.1/t'],
    ['token_endpoint', 'https://user@idp.example/t'],
    ['token_endpoint', 'https://:password@idp.example/t'],
    ['token_endpoint', 'https://idp.example/t#x'],
    ['registration_endpoint', 'ftp://idp.example/r'],
    ['revocation_endpoint', 'http://169.254.169.254/latest'],
    ['userinfo_endpoint', '//idp.example/u'],
  ] as const;
  await using place = await startWorld();
  const { upstream, provider } = place;
  for (const [name, value] of hostile) {
    provider.tamper.metadata = (document) => ({ ...document, [name]: value });
    await assert.rejects(
      discover(upstream.url),
      failsAs('metadata', new RegExp(`${name}, which has to be https`)),
      value,
    );
  }
  provider.tamper.metadata = undefined;
  // Loopback is for development alone.
  for (const reach of ['public', 'internal'] as const) {
    await assert.rejects(
      discover(upstream.url, { oauth: oauthSettings({ reach }) }),
      failsAs('metadata', /has to be https/),
    );
  }
});

test('metadata is checked by its types, and what is not known is dropped', async () => {
  await using place = await startWorld();
  const { upstream, provider } = place;
  for (const wrong of [
    { token_endpoint: 7 },
    { token_endpoint: undefined },
    { scopes_supported: 'all' },
    { code_challenge_methods_supported: { S256: true } },
    { authorization_response_iss_parameter_supported: 'yes' },
    { issuer: ['x'] },
  ]) {
    provider.tamper.metadata = (document) => JSON.parse(JSON.stringify({ ...document, ...wrong }));
    const member = Object.keys(wrong)[0]!;
    await assert.rejects(discover(upstream.url), failsAs('metadata', new RegExp(`look at \`${member}`)));
  }
  provider.tamper.metadata = (document) => ({ ...document, mtls_endpoint_aliases: { token_endpoint: 'http://x' } });
  assert.equal('mtls_endpoint_aliases' in (await discover(upstream.url)).server, false);
});
