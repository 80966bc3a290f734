import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { JSONWebKeySet } from 'jose';
import { configuredClient } from '../../../../test/fakes/oauth-settings.ts';
import { startFlow } from '../../../../test/fakes/provider-flow.ts';
import { Secret } from '../../../lib/secret.ts';
import { checkBinding, clientAuthentication } from './client-authentication.ts';
import type { Provider, ProviderClient } from './provider.ts';
import { ProviderFailure } from './provider-failure.ts';

const registered = (more: object) => ({ provider: { clients: [{ client_id: 'toolgate', ...more }] } });
const secret = 's~cret:+/ü';

for (const authMethod of ['client_secret_basic', 'client_secret_post', 'none'] as const) {
  test(`a provider that takes only ${authMethod} gets it so`, async () => {
    const isNone = authMethod === 'none';
    const configured = configuredClient({ authMethod, secret: isNone ? null : new Secret(secret) });
    const known = { token_endpoint_auth_method: authMethod, ...(!isNone && { client_secret: secret }) };
    await using flow = await startFlow({ ...registered(known), configured });
    assert.ok((await flow.connect()).accessToken);
    const [request] = flow.fake.to('token');
    assert.equal(request?.headers.authorization !== undefined, authMethod === 'client_secret_basic');
    assert.equal(request?.params.has('client_secret'), authMethod === 'client_secret_post');
  });
}

test('Basic credentials encode nothing that need not be, for providers that do not decode them', async () => {
  const provider = { issuer: 'https://idp.example', server: { issuer: 'https://idp.example' } } as Provider;
  const client = configuredClient({
    id: 'pre-registered_client.1',
    secret: new Secret('a~b-c!d'),
    issuer: provider.issuer,
  });
  const headers = new Headers();
  const authenticate = await clientAuthentication(provider, client);
  await authenticate(provider.server, { client_id: client.id }, new URLSearchParams(), headers);
  const credentials = Buffer.from(headers.get('authorization')!.slice('Basic '.length), 'base64').toString();
  assert.equal(credentials, 'pre-registered_client.1:a~b-c!d');
});

for (const [kind, make] of [
  ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['Ed25519', () => generateKeyPairSync('ed25519')],
] as const) {
  test(`private_key_jwt works with a ${kind} key, in PEM and as a JWK`, async () => {
    const { publicKey, privateKey } = make();
    const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1' }] } as JSONWebKeySet;
    const known = registered({ token_endpoint_auth_method: 'private_key_jwt', jwks });
    const jwk = JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'k1' });
    for (const key of [privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, jwk]) {
      const configured = configuredClient({ authMethod: 'private_key_jwt', secret: null, key: new Secret(key) });
      await using flow = await startFlow({ ...known, configured });
      assert.ok((await flow.connect()).accessToken);
      const { params } = flow.fake.to('token')[0]!;
      const header = JSON.parse(Buffer.from(params.get('client_assertion')!.split('.')[0]!, 'base64url').toString());
      assert.equal(header.kid, key === jwk ? 'k1' : undefined);
    }
  });
}

test('a missing or unreadable secret or key says what to set, and shows none of it', async () => {
  const provider = { issuer: 'https://idp.example', server: { issuer: 'https://idp.example' } } as Provider;
  const { publicKey } = generateKeyPairSync('ed25519');
  const cases: Partial<ProviderClient>[] = [
    { secret: null },
    { secret: new Secret('') },
    { authMethod: 'client_secret_post', secret: null },
    { authMethod: 'private_key_jwt' },
    { authMethod: 'private_key_jwt', key: new Secret('hidden-but-no-key') },
    { authMethod: 'private_key_jwt', key: new Secret('{"kty":"oct","k":"hidden"}') },
    { authMethod: 'private_key_jwt', key: new Secret(publicKey.export({ format: 'pem', type: 'spki' }) as string) },
  ];
  for (const each of cases) {
    const client = configuredClient({ issuer: provider.issuer, ...each });
    await assert.rejects(clientAuthentication(provider, client), (error) => {
      assert.ok(error instanceof ProviderFailure && error.kind === 'registration', String(error));
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    });
  }
});

test('only a client that is its own document is the same at every provider', () => {
  const provider = { issuer: 'https://idp.example' } as Provider;
  const bound = (changes: Partial<ProviderClient>) => checkBinding(provider, configuredClient(changes));
  bound({ issuer: 'https://idp.example' });
  bound({ source: 'metadata-document' });
  for (const changes of [{ issuer: 'https://idp.example/' }, { issuer: null }, { source: 'dynamic' as const }]) {
    assert.throws(() => bound(changes), { kind: 'changed_issuer' });
  }
});
