import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type JWTHeaderParameters, SignJWT } from 'jose';
import { AppError } from '../src/errors/app-error.ts';
import type { ErrorCode } from '../src/errors/catalog.ts';
import { newId } from '../src/lib/ids.ts';
import { safeFetch } from '../src/lib/safe-fetch.ts';
import { Secret } from '../src/lib/secret.ts';
import { openDatabase } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { insertOauthClient } from '../src/store/oauth-clients.ts';
import { insertOauthGrant } from '../src/store/oauth-grants.ts';
import { insertUser } from '../src/store/users.ts';
import {
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
  type PresentedToken,
} from '../src/tokens/access-token-verifier.ts';
import { createDpopVerifier } from '../src/tokens/dpop-proof.ts';
import type { ExternalIssuer } from '../src/tokens/external-issuer.ts';
import { openSigningKeys } from '../src/tokens/signing-keys.ts';
import { TokenRefusal, type TokenRefusalReason } from '../src/tokens/token-refusal.ts';
import { parseMasterKey } from '../src/vault/master-key.ts';
import { openVault } from '../src/vault/vault.ts';
import type { TokenIssuer } from './fakes/token-issuer.ts';

export const PUBLIC_URL = 'https://gateway.example';
export const RESOURCE = `${PUBLIC_URL}/mcp`;
export const tenantId = 'default';

export type TokenBench = Awaited<ReturnType<typeof openTokenBench>>;

/** The verifier of access tokens on a database of its own, with Ann and her grant, and a clock that is set by hand. */
export async function openTokenBench(t: TestContext, options: Partial<AccessTokenVerifierOptions> = {}) {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  const clock = { now: Date.now(), monotonic: 0 };
  const now = (): number => clock.now;
  const vault = await openVault({ db, masterKey: parseMasterKey(randomBytes(32).toString('base64'), 'the test') });
  const signingKeys = await openSigningKeys({ db, vault, now });
  const dpop = createDpopVerifier({ nonceSecret: randomBytes(32), now });
  const verifierOptions: AccessTokenVerifierOptions = {
    db,
    own: { issuer: () => PUBLIC_URL, signingKeys },
    publicUrl: () => PUBLIC_URL,
    issuers: [],
    accountOf: async () => null,
    fetch: (url, more) => safeFetch(url, { reach: 'loopback-too', ...more }),
    dpop,
    now,
    clock: () => clock.monotonic,
    ...options,
  };
  const verifier = createAccessTokenVerifier(verifierOptions);
  await insertUser(db, { tenantId, id: 'usr_ann', name: 'ann@example.org', displayName: 'Ann', createdAt: 1 });
  await insertOauthClient(
    db,
    {
      ...{ tenantId, id: 'client-1', source: 'pre_registered', name: 'client-1' },
      status: 'active',
      metadata: {},
      address: '',
    },
    1,
  );
  const grant = await newGrant('usr_ann');

  async function newGrant(userId: string): Promise<string> {
    const id = newId('grt');
    await insertOauthGrant(db, {
      ...{ tenantId, id, clientId: 'client-1', clientName: 'Editor', principal: { kind: 'user', id: userId } },
      ...{ resource: RESOURCE, scopes: ['mcp'], payload: {}, address: '192.0.2.1', createdAt: 1, expiresAt: null },
    });
    return id;
  }

  /** Signed by the gateway's own key; Ann's token unless told otherwise. Undefined removes a claim. */
  async function sign(
    claims: Readonly<Record<string, unknown>> = {},
    header: Partial<JWTHeaderParameters> = {},
  ): Promise<string> {
    const { kid, privateKey } = signingKeys.active();
    const iat = Math.floor(clock.now / 1000);
    return new SignJWT({
      ...{ iss: PUBLIC_URL, sub: 'usr_ann', aud: RESOURCE, client_id: 'client-1', iat, exp: iat + 600 },
      ...{ jti: newId('tok'), scope: 'mcp', grant_id: grant, epoch: 1 },
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid, ...header })
      .sign(privateKey);
  }

  const present = async (token: string, presented: Partial<PresentedToken> = {}) =>
    verifier.verify(token, { resource: RESOURCE, wide: false, ...presented });

  /** Why it is refused, or whose it is. The caller is told the code alone, so that is checked here once and for all. */
  async function outcomeOf(
    token: string,
    presented: Partial<PresentedToken> = {},
  ): Promise<TokenRefusalReason | 'issuer_unavailable' | `is ${string}`> {
    try {
      return `is ${(await present(token, presented)).principal.id}`;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.code === 'token_issuer_unavailable') return 'issuer_unavailable';
      if (!(error.cause instanceof TokenRefusal)) throw error;
      const { reason } = error.cause;
      assert.equal(error.code, TOLD[reason] ?? 'credential_invalid');
      assert.ok(!error.message.includes(error.cause.message), 'the precise reason is for operators');
      return reason;
    }
  }

  return { db, clock, vault, signingKeys, dpop, verifier, verifierOptions, grant, newGrant, sign, present, outcomeOf };
}

const TOLD: Partial<Record<TokenRefusalReason, ErrorCode>> = {
  expired: 'token_expired',
  audience: 'token_audience',
  proof_missing: 'token_proof_invalid',
  proof_invalid: 'token_proof_invalid',
  proof_replayed: 'token_proof_invalid',
  nonce: 'token_nonce_required',
};

/** As an operator would declare it: `aud` "gateway" stands for `/mcp`. */
export const declared = (of: TokenIssuer, change: Partial<ExternalIssuer> = {}): ExternalIssuer => ({
  issuer: of.issuer,
  audiences: { gateway: '/mcp', tools: '/mcp/tools' },
  algorithms: ['ES256'],
  principalClaim: 'sub',
  clientClaim: 'azp',
  createAccounts: false,
  defaultScopes: [],
  rules: [],
  ...change,
});

export const introspectionOf = ({ introspectionEndpoint, client }: TokenIssuer) => ({
  endpoint: introspectionEndpoint,
  clientId: client.id,
  clientSecret: () => new Secret(client.secret),
});
