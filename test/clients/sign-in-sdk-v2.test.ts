/** `@modelcontextprotocol/client` 2.4 finds its own way from a URL to a call: discovery, registration, sign-in, refresh. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  Client,
  ClientCredentialsProvider,
  CrossAppAccessProvider,
  DpopSession,
  discoverAndRequestJwtAuthGrant,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';
import { startTokenIssuer } from '../fakes/token-issuer.ts';
import { startDocumentSite } from './document-site.ts';
import { MemoryProvider } from './memory-provider.ts';
import { type SignedInTarget, startSignedInTarget } from './signed-in-target.ts';

const REDIRECT = 'http://127.0.0.1:45999/callback';

const newClient = (mode: 'legacy' | { pin: string }) =>
  new Client({ name: 'sdk-v2', version: '1' }, { versionNegotiation: { mode } });

/** Connects as a desktop client does: it is sent to the browser, then connects again. */
async function connect(target: SignedInTarget, provider: MemoryProvider, mode: 'legacy' | { pin: string }) {
  const first = new StreamableHTTPClientTransport(target.url, { authProvider: provider });
  await assert.rejects(newClient(mode).connect(first), UnauthorizedError);
  assert.ok(provider.asked, 'it opens the browser');
  await first.finishAuth((await target.allow(provider.asked)).searchParams);
  const client = newClient(mode);
  await client.connect(new StreamableHTTPClientTransport(target.url, { authProvider: provider }));
  return client;
}

for (const era of ['legacy', 'modern'] as const) {
  const mode = era === 'modern' ? { pin: '2026-07-28' } : era;
  test(`the SDK registers, signs a person in, calls, and refreshes by itself (${era})`, async () => {
    const target = await startSignedInTarget(era);
    const provider = new MemoryProvider(REDIRECT);
    try {
      const client = await connect(target, provider, mode);
      assert.ok((await client.listTools()).tools.length > 0);
      // As if it had expired: the SDK refreshes on the challenge.
      provider.kept.tokens = { ...provider.kept.tokens, access_token: 'expired' };
      assert.ok((await client.listTools()).tools.length > 0);
      assert.notEqual(provider.kept.tokens.access_token, 'expired');
      await client.close();
    } finally {
      await target.close();
    }
  });
}

test('the SDK binds its tokens to a key (DPoP), and the gateway asks for the proof', async () => {
  const target = await startSignedInTarget('legacy');
  const provider = new MemoryProvider(REDIRECT, { dpop: await DpopSession.create() });
  try {
    const client = await connect(target, provider, 'legacy');
    assert.ok((await client.listTools()).tools.length > 0);
    assert.equal(provider.kept.tokens.token_type, 'DPoP');
    const stolen = await fetch(target.url, {
      method: 'POST',
      headers: { authorization: `Bearer ${provider.kept.tokens.access_token}` },
    });
    assert.equal(stolen.status, 401);
    assert.match(stolen.headers.get('www-authenticate')!, /^DPoP .*error="invalid_dpop_proof"/);
    await client.close();
  } finally {
    await target.close();
  }
});

test('an agent of its own signs in with a secret, or with a key, for its service account', async () => {
  const secret = 'a-secret-that-is-long-enough-to-be-one-0123456789';
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'agent', alg: 'ES256', use: 'sig' };
  const target = await startSignedInTarget('legacy', {
    preRegistered: [
      { id: 'with-secret', name: 'Nightly', authMethod: 'client_secret_basic', secret, serviceAccount: 'first-agent' },
      {
        id: 'with-key',
        name: 'Weekly',
        authMethod: 'private_key_jwt',
        jwks: { keys: [jwk] },
        serviceAccount: 'first-agent',
      },
    ],
  });
  const expectedIssuer = target.gateway.url;
  const privateJwk = { ...privateKey.export({ format: 'jwk' }), kid: 'agent' };
  const providers = [
    new ClientCredentialsProvider({ clientId: 'with-secret', clientSecret: secret, expectedIssuer }),
    new PrivateKeyJwtProvider({ clientId: 'with-key', privateKey: privateJwk, algorithm: 'ES256', expectedIssuer }),
  ];
  try {
    for (const authProvider of providers) {
      const client = newClient('legacy');
      await client.connect(new StreamableHTTPClientTransport(target.url, { authProvider }));
      assert.ok((await client.listTools()).tools.length > 0);
      await client.close();
    }
  } finally {
    await target.close();
  }
});

test('the SDK names itself by its metadata document, and registers nowhere', async () => {
  const site = await startDocumentSite({
    client_name: 'Documented',
    redirect_uris: [REDIRECT],
    token_endpoint_auth_method: 'none',
  });
  const target = await startSignedInTarget('modern');
  const provider = new MemoryProvider(REDIRECT, { documentUrl: site.url });
  try {
    const client = await connect(target, provider, { pin: '2026-07-28' });
    assert.ok((await client.listTools()).tools.length > 0);
    assert.equal(provider.asked?.searchParams.get('client_id'), site.url);
    assert.equal(site.reads(), 1, 'once for all that it did');
    const { body } = await target.gateway.admin('GET', '/oauth-clients');
    assert.deepEqual(
      body.items.map(({ id, source, name }: Record<string, string>) => ({ id, source, name })),
      [{ id: site.url, source: 'metadata_document', name: 'Documented' }],
    );
    provider.kept.tokens = { ...provider.kept.tokens, access_token: 'expired' };
    assert.ok((await client.listTools()).tools.length > 0, 'and refreshes');
    await client.close();
  } finally {
    await target.close();
    await site.close();
  }
});

test('a company’s identity provider lets its people in by the SDK’s cross-app access (ID-JAG)', async () => {
  const idp = await startTokenIssuer();
  const secret = 'a-secret-that-is-long-enough-to-be-one-0123456789';
  const target = await startSignedInTarget('legacy', {
    preRegistered: [{ id: 'desk', name: 'Desk', authMethod: 'client_secret_basic', secret }],
    assertionIssuers: [{ issuer: idp.issuer, kind: 'id-jag', clients: ['desk'], createAccounts: true }],
  });
  const asked: URLSearchParams[] = [];
  idp.metadata.authorization_endpoint = `${idp.issuer}/authorize`;
  idp.metadata.token_endpoint = `${idp.issuer}/token`;
  Object.assign(idp.metadata, { response_types_supported: ['code'], subject_types_supported: ['public'] });
  Object.assign(idp.metadata, { id_token_signing_alg_values_supported: ['ES256'] });
  // The company decides here who may use what (draft-ietf-oauth-identity-assertion-authz-grant, token exchange).
  idp.onToken = async (form) => {
    asked.push(form);
    const grant = {
      ...{ sub: 'employee-7', email: 'eve@corp.example', email_verified: true, jti: String(asked.length) },
      ...{ aud: form.get('audience'), resource: form.get('resource'), client_id: 'desk' },
    };
    return {
      access_token: await idp.sign(grant, { typ: 'oauth-id-jag+jwt' }),
      issued_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
      token_type: 'N_A',
      expires_in: 300,
    };
  };
  const authProvider = new CrossAppAccessProvider({
    clientId: 'desk',
    clientSecret: secret,
    expectedIssuer: target.gateway.url,
    assertion: async ({ authorizationServerUrl: audience, resourceUrl: resource, fetchFn }) => {
      const idToken = 'the ID token of the sign-in at the company';
      const at = { idpUrl: idp.issuer, clientId: 'desk-at-idp', idToken };
      return (await discoverAndRequestJwtAuthGrant({ ...at, audience, resource, fetchFn })).jwtAuthGrant;
    },
  });
  try {
    const newTransport = () => new StreamableHTTPClientTransport(target.url, { authProvider });
    // They have an account from now on, and no role yet: there is no such upstream for them.
    await assert.rejects(newClient('legacy').connect(newTransport()), /There is no upstream named fixture/);
    assert.equal(asked[0]?.get('resource'), String(target.url));
    const { body } = await target.gateway.admin('GET', '/users?name=eve@corp.example');
    const subject = { kind: 'user', id: body.items[0].id };
    await target.gateway.admin('POST', '/role-assignments', { role: 'full-access', subject });
    const client = newClient('legacy');
    await client.connect(newTransport());
    assert.ok((await client.listTools()).tools.length > 0);
    await client.close();
  } finally {
    await target.close();
    await idp.close();
  }
});
