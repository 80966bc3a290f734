import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { type OauthProviderOptions, startOauthProvider } from '../../../../test/fakes/oauth-provider.ts';
import { configuredClient, loopbackFetch as fetch, oauthSettings } from '../../../../test/fakes/oauth-settings.ts';
import { failsAs } from '../../../../test/fakes/provider-failures.ts';
import { Secret } from '../../../lib/secret.ts';
import type { Provider } from './provider.ts';
import type { ProviderFailure } from './provider-failure.ts';
import { type RegisterOptions, registerClient } from './register-client.ts';
import { findServerMetadata } from './server-metadata.ts';

const redirectUri = 'https://gateway.example/connect/callback';

async function start(options: OauthProviderOptions = {}) {
  const fake = await startOauthProvider(options);
  const look = async (): Promise<Provider> => {
    const { server } = (await findServerMetadata(fake.issuer, { reach: 'loopback', fetch }))!;
    return { issuer: server.issuer, server, resource: null, scopes: { challenge: null, supported: null }, via: '' };
  };
  const register = async (changes: Partial<RegisterOptions> = {}) =>
    registerClient({
      provider: await look(),
      oauth: oauthSettings(),
      preset: null,
      configured: null,
      metadataDocumentUrl: null,
      redirectUri,
      fetch,
      ...changes,
    });
  return { fake, look, register, [Symbol.asyncDispose]: () => fake.close() };
}

test('a client that was registered by hand comes first, and is bound to the provider without asking it anything', async () => {
  await using place = await start({ cimd: true });
  const configured = configuredClient();
  const client = await place.register({ configured, metadataDocumentUrl: 'https://gateway.example/client.json' });
  assert.deepEqual(client, { ...configured, issuer: place.fake.issuer });
  assert.equal(place.fake.to('register').length, 0);
});

test('a client that is bound to another provider is not used: it would take its secret there', async () => {
  await using place = await start();
  const configured = configuredClient({ issuer: 'https://honest.example' });
  await assert.rejects(place.register({ configured }), failsAs('changed_issuer', /honest\.example/));
});

test('our own document is the client where the provider takes that, before dynamic registration', async () => {
  await using place = await start({ cimd: true });
  const metadataDocumentUrl = 'https://gateway.example/client.json';
  const client = await place.register({ metadataDocumentUrl });
  assert.deepEqual([client.id, client.authMethod, client.source], [metadataDocumentUrl, 'none', 'metadata-document']);
  assert.equal(place.fake.to('register').length, 0);
  // Not where it cannot be fetched, and not where the provider does not say that it takes it.
  assert.equal((await place.register({ metadataDocumentUrl: 'http://gateway.example/c' })).source, 'dynamic');
  assert.equal((await place.register({ metadataDocumentUrl: null })).source, 'dynamic');
  await using plain = await start();
  assert.equal((await plain.register({ metadataDocumentUrl })).source, 'dynamic');
});

test('dynamic registration asks for what a gateway needs, and for nothing that strict providers refuse', async () => {
  await using place = await start();
  const client = await place.register();
  assert.equal(client.source, 'dynamic');
  assert.equal(client.authMethod, 'client_secret_basic');
  assert.ok(client.secret instanceof Secret);
  assert.equal(client.issuer, place.fake.issuer);
  assert.equal(client.secretExpiresAt, null, '0 means never');
  assert.deepEqual(place.fake.to('register')[0]?.body, {
    client_name: 'Toolgate',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    application_type: 'web',
  });
  await place.register({ redirectUri: 'http://127.0.0.1:4000/connect/callback' });
  assert.equal(place.fake.to('register')[1]?.body?.application_type, 'native');
  await using keycloak = await start({ behaviour: 'keycloak' });
  assert.equal((await keycloak.register()).source, 'dynamic');
});

test('the best method is asked for that the provider lists, and what it answers counts', async () => {
  for (const method of ['client_secret_basic', 'client_secret_post', 'none']) {
    await using place = await start({ quirks: { authMethods: [method] } });
    const client = await place.register();
    assert.equal(client.authMethod, method);
    assert.equal(client.secret === null, method === 'none');
  }
  await using place = await start();
  place.fake.tamper.metadata = ({ token_endpoint_auth_methods_supported: _, ...document }) => document;
  assert.equal((await place.register()).authMethod, 'client_secret_basic');
  place.fake.tamper.registration = ({ token_endpoint_auth_method: _, ...answer }) => answer;
  assert.equal((await place.register()).authMethod, 'client_secret_basic', 'as asked for, when it says nothing');
  place.fake.tamper.registration = (answer) => ({ ...answer, token_endpoint_auth_method: 'client_secret_post' });
  assert.equal((await place.register()).authMethod, 'client_secret_post');
});

test('an expiry of the secret is kept, and a missing one is no fault', async () => {
  await using place = await start();
  place.fake.tamper.registration = (answer) => ({ ...answer, client_secret_expires_at: 1_900_000_000 });
  assert.equal((await place.register()).secretExpiresAt, 1_900_000_000_000);
  place.fake.tamper.registration = ({ client_secret_expires_at: _, ...answer }) => answer;
  assert.equal((await place.register()).secretExpiresAt, null);
});

test('answers that make no client are refused', async () => {
  await using place = await start();
  for (const wrong of [{ client_id: '' }, { client_id: 7 }, { client_id: undefined }, { client_secret: undefined }]) {
    place.fake.tamper.registration = (answer) => JSON.parse(JSON.stringify({ ...answer, ...wrong }));
    await assert.rejects(place.register(), failsAs('protocol', /registers/));
  }
  place.fake.tamper.registration = (answer) => ({ ...answer, token_endpoint_auth_method: 'tls_client_auth' });
  await assert.rejects(place.register(), failsAs('registration', /tls_client_auth.*set `clientId`/));
});

test('where no client can be made, an administrator is told what to do', async () => {
  await using none = await start({ dcr: false });
  await assert.rejects(
    none.register(),
    failsAs('registration', /Register one there with redirect URI https.*clientId/),
  );
  await using keys = await start({ quirks: { authMethods: ['private_key_jwt'] } });
  await assert.rejects(keys.register(), failsAs('registration', /private_key_jwt.*clientId/));
  await using strict = await start({
    quirks: { refusesRegistration: () => 'Policy \u001b[31m\n"Trusted Hosts" rejected the request' },
  });
  await assert.rejects(strict.register(), (error: ProviderFailure) => {
    assert.equal(error.kind, 'registration');
    assert.match(error.message, /redirect URI https:\S+\/connect\/callback and set `clientId`/);
    assert.match(error.message, /invalid_client_metadata: Policy \\u001b\[31m\\u000a"Trusted/);
    assert.ok(error.message.length <= 200);
    return true;
  });
});

test('nobody is registered at a provider without PKCE, or one that is failing', async () => {
  await using place = await start();
  place.fake.tamper.metadata = ({ code_challenge_methods_supported: _, ...document }) => document;
  await assert.rejects(place.register(), failsAs('metadata', /PKCE/));
  place.fake.tamper.metadata = (document) => ({ ...document, code_challenge_methods_supported: ['plain'] });
  await assert.rejects(place.register(), failsAs('metadata', /PKCE/));
  assert.equal(place.fake.to('register').length, 0);
  place.fake.tamper.metadata = undefined;
  const provider = await place.look();
  place.fake.intercept = (_, response) => Boolean(response.writeHead(503).end());
  await assert.rejects(place.register({ provider }), failsAs('transient', /503/));
});

test('a registration endpoint that answers with a redirect is not followed', async () => {
  await using place = await start();
  const requests: string[] = [];
  const target = createServer((request, response) => {
    requests.push(request.url!);
    response.end('{}');
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const location = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`;
  const provider = await place.look();
  place.fake.intercept = (_, response) => Boolean(response.writeHead(307, { location }).end());
  await assert.rejects(place.register({ provider }), failsAs('metadata', /redirect/));
  assert.deepEqual(requests, []);
  target.close();
});
