import { decodeJwt } from 'jose';
import { createLimiter } from '../lib/limiter.ts';
import { sha256Hex } from '../lib/sha256.ts';
import { type Caller, DEFAULT_TENANT } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { listOauthGrantsRevokedSince } from '../store/oauth-grants.ts';
import { createCredentialCache } from './credential-cache.ts';
import type { DpopVerifier, PresentedProof } from './dpop-proof.ts';
import { createExternalIssuer, type ExternalIssuer, type GuardedFetch } from './external-issuer.ts';
import { createOwnTokens } from './own-tokens.ts';
import type { SigningKeys } from './signing-keys.ts';
import { type AccountOf, externalTokenEntry, ownTokenEntry, type TokenEntry } from './token-entry.ts';
import { refuseToken } from './token-refusal.ts';
import { LEEWAY_MS } from './verified-token.ts';

const DEFAULT_CACHE_SIZE = 20_000;
/** What another process, or another issuer, changes without telling us is seen after this time at the latest. */
const DEFAULT_MAX_AGE_MS = 60_000;
/** Tokens of one source that are loaded at a time: a slow issuer holds up its own alone. */
const CONCURRENT_OWN = 4;
const CONCURRENT_EXTERNAL = 16;
/** Longer than two processes' clocks and a commit can be apart. */
const OVERLAP_MS = 5 * 60_000;
const MAX_TOKEN_CHARACTERS = 16_384;

/** What a token is used for. */
export interface PresentedToken {
  /** The resource URL that is called, exactly: `{publicUrl}/mcp` or `{publicUrl}/mcp/{upstream}`. */
  readonly resource: string;
  /** Whether a token for `/mcp` is good for `/mcp/{upstream}`. */
  readonly wide: boolean;
  /** Present when, and only when, the token came with the `DPoP` scheme. */
  readonly dpop?: PresentedProof | undefined;
  /** The same request was verified before, proof included, and is looked at once more. */
  readonly again?: boolean | undefined;
}

export interface TokenRevoked {
  readonly kind: 'grant' | 'client' | 'principal';
  readonly id: string;
}

/** Who calls, by access token. The rules of KeyVerifier hold: say here what changed, after it is committed. */
export interface AccessTokenVerifier {
  /**
   * Whose token this is; at once for a bearer token in memory, otherwise a promise. Throws (or rejects with)
   * `credential_invalid`, `token_expired`, `token_audience`, `token_proof_invalid`, `token_nonce_required`, with a
   * TokenRefusal as the `cause`, or `token_issuer_unavailable`.
   */
  verify(token: string, presented: PresentedToken): Caller | Promise<Caller>;
  revokeGrant(grantId: string): void;
  /** All grants of the client were revoked, and it may get no more. */
  revokeClient(clientId: string): void;
  /** The principal was disabled or removed. */
  revokePrincipal(principalId: string): void;
  /** The principal was renamed, enabled, or its roles changed. */
  invalidatePrincipal(principalId: string): void;
  invalidateAll(): void;
  /**
   * Other issuers count from now on, also for tokens that were accepted before.
   * @throws Error for the operator when more than one has `introspection`; then nothing changes.
   */
  replaceIssuers(issuers: readonly ExternalIssuer[]): void;
  /** Called at every revocation, to end open streams. Returns a function that stops it. */
  onRevoked(listener: (revoked: TokenRevoked) => void): () => void;
  /** Learns which grants other processes revoked. Call it every few seconds; without, it takes up to `maxAgeMs`. */
  readRevoked(): Promise<void>;
  stats(): { readonly cached: number; readonly loading: number };
}

export interface AccessTokenVerifierOptions {
  readonly db: Database;
  /** The issuer of our own tokens; null when there are none. */
  readonly own: { readonly issuer: () => string; readonly signingKeys: Pick<SigningKeys, 'publicKey' | 'tick'> } | null;
  readonly publicUrl: () => string;
  readonly issuers: readonly ExternalIssuer[];
  readonly accountOf: AccountOf;
  /** Must be guarded (safeFetch). */
  readonly fetch: GuardedFetch;
  readonly dpop: DpopVerifier;
  readonly tenantId?: string | undefined;
  readonly cacheSize?: number | undefined;
  readonly maxAgeMs?: number | undefined;
  readonly now?: (() => number) | undefined;
  /** Monotonic milliseconds, for cooldowns. */
  readonly clock?: (() => number) | undefined;
}

/** @throws Error for the operator when more than one issuer has `introspection`. */
export function createAccessTokenVerifier(options: AccessTokenVerifierOptions): AccessTokenVerifier {
  const { db, dpop, tenantId = DEFAULT_TENANT, now = Date.now } = options;
  const cache = createCredentialCache<TokenEntry>(
    options.cacheSize ?? DEFAULT_CACHE_SIZE,
    options.maxAgeMs ?? DEFAULT_MAX_AGE_MS,
  );
  const listeners = new Set<(revoked: TokenRevoked) => void>();
  let read = createReader(options, tenantId, now);
  /** Grants that were revoked lately, with the time: each is told once. */
  let known = new Map<string, number>();
  let readUntil = now() - OVERLAP_MS;

  function verify(token: string, presented: PresentedToken): Caller | Promise<Caller> {
    const hash = sha256Hex(token);
    const entry = cache.get(hash);
    if (entry !== undefined) return admit(entry, token, presented);
    if (token.length > MAX_TOKEN_CHARACTERS) throw refuseToken('malformed', 'too long');
    // Something may have changed between the end of the load and this turn.
    return cache
      .load(hash, () => read(token))
      .then((loaded) => (loaded.stale ? verify(token, presented) : admit(loaded, token, presented)));
  }

  /** What can become wrong for a token in memory is checked at every call, whether it was just loaded or not. */
  function admit(entry: TokenEntry, token: string, presented: PresentedToken): Caller | Promise<Caller> {
    if (now() >= entry.expiresAt + LEEWAY_MS) throw refuseToken('expired');
    if (!isFor(entry, presented)) {
      throw refuseToken('audience', `it is for ${entry.resources.join(', ')} and not for ${presented.resource}`);
    }
    if (entry.boundTo !== null) {
      return presented.again ? entry.caller : proven(entry, token, entry.boundTo, presented);
    }
    if (presented.dpop !== undefined) throw refuseToken('proof_invalid', 'the token is bound to no key');
    return entry.caller;
  }

  async function proven(entry: TokenEntry, token: string, boundTo: string, presented: PresentedToken): Promise<Caller> {
    // RFC 9449 §7.2: whoever has the token alone must not get around the proof by calling it a bearer token.
    if (presented.dpop === undefined) throw refuseToken('proof_missing', 'a bound token was sent as a bearer token');
    await dpop.verify(presented.dpop, token, boundTo);
    if (entry.stale) return verifyAgain(token, presented);
    return entry.caller;
  }

  /** Revoked while its proof was looked at, which is good by now and must not be used twice. */
  async function verifyAgain(token: string, presented: PresentedToken): Promise<Caller> {
    const entry = await cache.load(sha256Hex(token), () => read(token));
    if (entry.stale) return verifyAgain(token, presented);
    if (!isFor(entry, presented)) throw refuseToken('audience');
    return entry.caller;
  }

  function revoke(revoked: TokenRevoked): void {
    cache.drop(revoked.id);
    for (const listener of listeners) listener(revoked);
  }

  function revokeGrant(id: string): void {
    known.set(id, now());
    revoke({ kind: 'grant', id });
  }

  return {
    verify,
    revokeGrant,
    revokeClient: (id) => revoke({ kind: 'client', id }),
    revokePrincipal: (id) => revoke({ kind: 'principal', id }),
    invalidatePrincipal: cache.drop,
    invalidateAll: cache.dropAll,
    replaceIssuers(issuers) {
      read = createReader({ ...options, issuers }, tenantId, now);
      cache.dropAll();
    },
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async readRevoked() {
      const startedAt = now();
      const since = readUntil - OVERLAP_MS;
      const revoked = await listOauthGrantsRevokedSince(db, since);
      readUntil = startedAt;
      known = new Map([...known].filter(([, at]) => at >= since));
      for (const { id } of revoked) if (!known.has(id)) revokeGrant(id);
    },
    stats: cache.stats,
  };
}

/** RFC 8707 §2, exactly; a token for all of `/mcp` counts for a part of it only where that was configured. */
function isFor({ resources }: TokenEntry, { resource, wide }: PresentedToken): boolean {
  for (const own of resources) {
    if (own === resource) return true;
    if (wide && own.endsWith('/mcp') && resource.startsWith(`${own}/`)) return true;
  }
  return false;
}

/**
 * Reads a token that is not in memory. Who is asked about it is said by its `iss`, unverified: whoever is asked then
 * demands exactly this `iss` under a signature.
 */
function createReader(options: AccessTokenVerifierOptions, tenantId: string, now: () => number) {
  const { db, own, accountOf } = options;
  const verifyOwn = own === null ? null : createOwnTokens({ ...own, now });
  const ownLimit = createLimiter(CONCURRENT_OWN);
  const externals = new Map(
    options.issuers.map((settings) => {
      const { publicUrl, fetch, clock } = options;
      const tokens = createExternalIssuer(settings, { publicUrl, fetch, now, clock });
      return [settings.issuer, { tokens, limited: createLimiter(CONCURRENT_EXTERNAL) }];
    }),
  );
  const [opaque, ...others] = [...externals.values()].filter(({ tokens }) => tokens.opaque !== undefined);
  if (others.length > 0) {
    throw new Error(
      'Only one of oauth.tokenIssuers can have `introspection`: a token that is no JWT does not say who issued it, and ' +
        'must not be shown to an issuer that it is not from.',
    );
  }

  return (token: string): Promise<TokenEntry> => {
    if (!isJwt(token)) {
      if (opaque === undefined) throw refuseToken('malformed', 'it is no JWT');
      return opaque.limited(async () =>
        externalTokenEntry(db, tenantId, await opaque.tokens.opaque!(token), accountOf),
      );
    }
    const issuer = issuerOf(token);
    if (own !== null && issuer === own.issuer()) {
      return ownLimit(async () => ownTokenEntry(db, tenantId, await verifyOwn!(token)));
    }
    const external = externals.get(issuer);
    if (external === undefined) throw refuseToken('unknown_issuer', JSON.stringify(issuer));
    return external.limited(async () => externalTokenEntry(db, tenantId, await external.tokens.jwt(token), accountOf));
  };
}

const isJwt = (token: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token);

function issuerOf(token: string): string {
  let issuer: unknown;
  try {
    issuer = decodeJwt(token).iss;
  } catch (cause) {
    throw refuseToken('malformed', undefined, { cause });
  }
  if (typeof issuer !== 'string') throw refuseToken('claims', 'no `iss`');
  return issuer;
}
