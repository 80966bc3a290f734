import type { AuthorizationServer } from 'oauth4webapi';
import type { Secret } from '../../../lib/secret.ts';
import type { ClientAuthMethod } from '../../../model/upstream.ts';

/** Guarded: what `asFetch` of lib/safe-fetch makes. Follows no redirect, and rejects with SafeFetchError. */
export type ProviderFetch = typeof fetch;

/** An authorization server that gives out tokens for an upstream, as far as it is known and was checked. */
export interface Provider {
  /** As its metadata says it, character for character: everything that is bound to a provider is bound to this. */
  readonly issuer: string;
  /** Its metadata, checked; every endpoint in it may be asked. */
  readonly server: AuthorizationServer;
  /** What tokens are asked for (RFC 8707): the upstream's own name for itself, or its URL. Null: nothing is named. */
  readonly resource: string | null;
  /** What the upstream asked for in its 401, and what its metadata lists; null where it said nothing. */
  readonly scopes: { readonly challenge: readonly string[] | null; readonly supported: readonly string[] | null };
  /** How it was found, for people to read. */
  readonly via: string;
  /** How tokens are revoked where RFC 7009 is not known. */
  readonly ownRevocation?: OwnRevocation | undefined;
}

/** `github`: DELETE with the credentials of the client. `slack`: POST with the token itself. */
export interface OwnRevocation {
  readonly style: 'github' | 'slack';
  /** `{client}` in it stands for the client id. */
  readonly url: string;
}

/** What the gateway is at a provider. */
export interface ProviderClient {
  readonly id: string;
  readonly authMethod: ClientAuthMethod;
  readonly secret: Secret | null;
  /** Of `private_key_jwt`: PKCS#8 in PEM, or a JWK. */
  readonly key: Secret | null;
  readonly source: 'configured' | 'metadata-document' | 'dynamic';
  /** Milliseconds since the epoch; null: never. */
  readonly secretExpiresAt: number | null;
  /**
   * The provider that it is registered at; nothing of it goes to another one. Null: not bound yet, which `registerClient`
   * does. A client that is its own document is the same everywhere, and always null.
   */
  readonly issuer: string | null;
}

export interface TokenSet {
  readonly accessToken: Secret;
  /** After a refresh without a new one this is the very object that was used. */
  readonly refreshToken: Secret | null;
  /** Milliseconds since the epoch; null: it does not expire, or the provider does not say. */
  readonly expiresAt: number | null;
  /** The same of the refresh token; null also when the answer says nothing because the old one stays. */
  readonly refreshExpiresAt: number | null;
  readonly scopes: readonly string[];
  /** E-mail address or login, for people to see; null when the answer does not tell. Never to decide anything by. */
  readonly account: string | null;
}
