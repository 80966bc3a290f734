import { decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import type { ClaimRule } from '../config/issuer-schemas.ts';
import { isLoopbackHost } from '../lib/loopback.ts';
import type { Reach, SafeFetchAnswer, SafeFetchOptions } from '../lib/safe-fetch.ts';
import type { Secret } from '../lib/secret.ts';
import { parseScope } from '../model/scope.ts';
import { claimValues } from './claim-rules.ts';
import { createIntrospection } from './introspect-token.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import { refuseToken, toTokenRefusal } from './token-refusal.ts';
import { boundKey, checkTimes, LEEWAY_MS, scopesOf, type VerifiedToken } from './verified-token.ts';

/** Another authorization server whose access tokens are accepted, as an operator declared it. */
export interface ExternalIssuer {
  /** Exactly the `iss` of its tokens. */
  readonly issuer: string;
  /** By default from its metadata. */
  readonly jwksUri?: string | undefined;
  /** For tokens that are no JWT. */
  readonly introspection?:
    | {
        readonly endpoint: string;
        readonly clientId: string;
        readonly clientSecret: () => Secret | Promise<Secret>;
      }
    | undefined;
  /** From an `aud` value to the path of the resource that it stands for, such as `/mcp`. No other `aud` counts. */
  readonly audiences: Readonly<Record<string, string>>;
  /** JWS algorithms; asymmetric ones alone. */
  readonly algorithms: readonly string[];
  /** What names the principal, together with the issuer. */
  readonly principalClaim: string;
  /** What to name a new account by. */
  readonly nameClaim?: string | undefined;
  readonly clientClaim: string;
  /** Of tokens that name no scope of ours. */
  readonly defaultScopes: readonly string[];
  readonly createAccounts: boolean;
  readonly rules: readonly ClaimRule[];
}

/** What a token of another issuer says. */
export interface ExternalToken extends VerifiedToken {
  readonly settings: ExternalIssuer;
  readonly subject: string;
  /** As the issuer calls it; null when the token does not say. */
  readonly clientId: string | null;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** `reach` is absent for a URL that an operator wrote. */
export type GuardedFetch = (url: string, options?: Partial<SafeFetchOptions>) => Promise<SafeFetchAnswer>;

export interface ExternalIssuerTokens {
  readonly settings: ExternalIssuer;
  jwt(token: string): Promise<ExternalToken>;
  /** Undefined where nothing can be asked about tokens that are no JWT. */
  readonly opaque: ((token: string) => Promise<ExternalToken>) | undefined;
}

export interface ExternalIssuerOptions {
  readonly publicUrl: () => string;
  readonly fetch: GuardedFetch;
  readonly now: () => number;
  readonly clock?: (() => number) | undefined;
}

/** RFC 9068 §2.1; most issuers still say `JWT` or nothing. Whatever else it says, it is no access token. */
const ACCESS_TOKEN_TYPES: ReadonlySet<string> = new Set(['at+jwt', 'application/at+jwt', 'jwt', '']);

/**
 * Verifies tokens of one other issuer. Rejects with `credential_invalid`, `token_expired`, `token_audience`, or
 * `token_issuer_unavailable`.
 */
export function createExternalIssuer(settings: ExternalIssuer, options: ExternalIssuerOptions): ExternalIssuerTokens {
  const { now, clock } = options;
  const { issuer, jwksUri, introspection } = settings;
  const fetch: GuardedFetch = (url, asked) => options.fetch(url, { reach: reachFrom(jwksUri ?? issuer), ...asked });
  const keys = createIssuerKeys({ issuer, jwksUri, fetch, clock });

  function accept(payload: JWTPayload): ExternalToken {
    const [subject, ...others] = claimValues(payload, settings.principalClaim);
    if (!subject || others.length > 0) throw refuseToken('claims', `no \`${settings.principalClaim}\``);
    const named = [payload.aud ?? []].flat().filter((aud) => Object.hasOwn(settings.audiences, aud));
    if (named.length === 0) {
      throw refuseToken('audience', `\`aud\` is ${JSON.stringify(payload.aud)}, which \`audiences\` does not name`);
    }
    return {
      settings,
      subject,
      clientId: claimValues(payload, settings.clientClaim)[0] ?? claimValues(payload, 'client_id')[0] ?? null,
      claims: payload,
      resources: named.map((aud) => options.publicUrl() + settings.audiences[aud]),
      expiresAt: checkTimes(payload, now()),
      scopes: ownScopes(payload, settings.defaultScopes),
      boundTo: boundKey(payload),
    };
  }

  return {
    settings,
    async jwt(token) {
      try {
        const type = decodeProtectedHeader(token).typ ?? '';
        if (typeof type !== 'string' || !ACCESS_TOKEN_TYPES.has(type.toLowerCase())) {
          throw refuseToken('claims', `\`typ\` is ${JSON.stringify(type)}`);
        }
        const { payload } = await jwtVerify(token, keys, {
          algorithms: [...settings.algorithms],
          issuer,
          clockTolerance: LEEWAY_MS / 1000,
          currentDate: new Date(now()),
        });
        if (!type.toLowerCase().endsWith('at+jwt')) refuseIdToken(payload);
        return accept(payload);
      } catch (error) {
        throw toTokenRefusal(error);
      }
    },
    opaque:
      introspection === undefined
        ? undefined
        : createIntrospection({ issuer, ...introspection, fetch: options.fetch, now }, accept),
  };
}

/**
 * What an operator wrote may be inside the company, and on this machine where they say so. The metadata of an issuer that
 * is elsewhere must not lead to this machine.
 */
const reachFrom = (configured: string): Reach =>
  isLoopbackHost(new URL(configured).hostname) ? 'loopback-too' : 'internal';

function ownScopes(payload: JWTPayload, defaults: readonly string[]): readonly string[] {
  const scopes = scopesOf(payload).filter((scope) => parseScope(scope) !== null);
  return scopes.length > 0 ? scopes : defaults;
}

/**
 * An ID token is for the client and no access token, also where its `aud` happens to be a mapped one. It has no type of
 * its own, so it is told by what only it holds (OpenID Connect Core 1.0 §2, §3.1.3.6); Keycloak says it in the payload.
 */
function refuseIdToken(payload: JWTPayload): void {
  const telling = ['nonce', 'at_hash', 'c_hash', 's_hash'].find((claim) => payload[claim] !== undefined);
  if (telling !== undefined) throw refuseToken('claims', `it is an ID token: it has \`${telling}\``);
  const { typ } = payload;
  if (typ !== undefined && typ !== 'Bearer' && typ !== 'DPoP') {
    throw refuseToken('claims', `its payload says \`typ\` ${JSON.stringify(typ)}`);
  }
}
