/** `@modelcontextprotocol/client` 2.4 finds its own way from a URL to a call: discovery, registration, sign-in, refresh. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import {
  Client,
  ClientCredentialsProvider,
  DpopSession,
  type OAuthClientProvider,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client';
import { type SignedInTarget, startSignedInTarget } from './signed-in-target.ts';

const REDIRECT = 'http://127.0.0.1:45999/callback';

/** What a desktop client keeps, in memory. */
class MemoryProvider implements OAuthClientProvider {
  readonly redirectUrl = REDIRECT;
  readonly clientMetadata = { client_name: 'SDK v2', redirect_uris: [REDIRECT] };
  readonly #dpop: DpopSession | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: it gives back what the SDK gave it
  kept: Record<string, any> = {};
  asked: URL | undefined;

  constructor(dpop?: DpopSession) {
    this.#dpop = dpop;
  }

  dpop = () => this.#dpop;
  clientInformation = () => this.kept.client;
  saveClientInformation = (client: unknown) => {
    this.kept.client = client;
  };
  tokens = () => this.kept.tokens;
  saveTokens = (tokens: unknown) => {
    this.kept.tokens = tokens;
  };
  codeVerifier = () => this.kept.verifier;
  saveCodeVerifier = (verifier: string) => {
    this.kept.verifier = verifier;
  };
  saveDiscoveryState = (state: unknown) => {
    this.kept.discovery = state;
  };
  discoveryState = () => this.kept.discovery;
  redirectToAuthorization = (url: URL) => {
    this.asked = url;
  };
}

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
    const provider = new MemoryProvider();
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
  const provider = new MemoryProvider(await DpopSession.create());
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
