import { newId } from '../../lib/ids.ts';
import { Secret } from '../../lib/secret.ts';
import type { ClientAuthMethod, UpstreamOauth } from '../../model/upstream.ts';
import { CONNECTION_TOKENS } from '../../store/ending-connections.ts';
import type { SecretRef } from '../../store/secrets.ts';
import type { UpstreamConnectionRef } from '../../store/upstream-connections.ts';
import type { Provider, ProviderClient, TokenSet } from './provider/provider.ts';
import type { OauthUpstream } from './upstream-providers.ts';

/** What has to be known of the provider to give the tokens back, also when the upstream is gone. */
export interface RevocationServer {
  readonly server: Pick<Provider['server'], (typeof NEEDED)[number]> & { readonly issuer: string };
  readonly ownRevocation?: Provider['ownRevocation'];
}

const NEEDED = [
  'token_endpoint',
  'token_endpoint_auth_methods_supported',
  'token_endpoint_auth_signing_alg_values_supported',
  'revocation_endpoint',
  'revocation_endpoint_auth_methods_supported',
  'revocation_endpoint_auth_signing_alg_values_supported',
] as const;

/** The tokens of one connection with all that they are bound to: one vault entry, so that no part can be of another time. */
export interface ConnectionTokens extends TokenSet {
  readonly grantId: string;
  /** Of the upstream when somebody agreed that it gets these tokens. They are sent nowhere else. */
  readonly url: string;
  readonly issuer: string;
  readonly client: ProviderClient;
  readonly server: RevocationServer;
  /** How far requests to the provider may go. */
  readonly reach: UpstreamOauth['reach'];
  /** The scopes that were asked for. */
  readonly asked: readonly string[];
  /** Milliseconds since the epoch. */
  readonly obtainedAt: number;
  /** They were fetched because the ones before were refused before their time. */
  readonly afterRefusal: boolean;
}

export const tokensRef = ({ tenantId, upstream, owner }: UpstreamConnectionRef): SecretRef => ({
  tenantId,
  upstream,
  owner,
  name: CONNECTION_TOKENS,
});

export function revocationServer({ server, ownRevocation }: Provider): RevocationServer {
  const known = NEEDED.filter((name) => server[name] !== undefined).map((name) => [name, server[name]]);
  return {
    server: { issuer: server.issuer, ...Object.fromEntries(known) },
    ...(ownRevocation !== undefined && { ownRevocation }),
  };
}

/** The tokens of a new connection. */
export function connectedTokens(
  upstream: OauthUpstream,
  asked: readonly string[],
  { set, provider, client, now }: { set: TokenSet; provider: Provider; client: ProviderClient; now: number },
): ConnectionTokens {
  return {
    ...set,
    grantId: newId('cgr', now),
    url: upstream.url,
    issuer: provider.issuer,
    client,
    server: revocationServer(provider),
    reach: upstream.auth.oauth.reach,
    asked,
    obtainedAt: now,
    afterRefusal: false,
  };
}

/**
 * Whether the former tokens have to be given back. Providers count what one account gave to one client as one grant and end
 * all of it at once, so those are left to die of age when they may be of the same account.
 */
export const isOfAnother = (former: ConnectionTokens, tokens: ConnectionTokens): boolean =>
  former.issuer !== tokens.issuer ||
  former.client.id !== tokens.client.id ||
  (former.account !== null && tokens.account !== null && former.account !== tokens.account);

/** The tokens after a refresh. What the provider does not repeat stays as it was (RFC 6749 §5.1, §6). */
export const refreshedTokens = (
  old: ConnectionTokens,
  got: TokenSet,
  {
    client,
    server,
    now,
    afterRefusal,
  }: { client: ProviderClient; server: RevocationServer; now: number; afterRefusal: boolean },
): ConnectionTokens => ({
  ...old,
  ...got,
  refreshToken: got.refreshToken ?? old.refreshToken,
  // The old refresh token stays, and so does its end.
  refreshExpiresAt: keepsToken(old, got) ? (got.refreshExpiresAt ?? old.refreshExpiresAt) : got.refreshExpiresAt,
  scopes: got.scopes.length > 0 ? got.scopes : old.scopes,
  account: got.account ?? old.account,
  client,
  server,
  obtainedAt: now,
  afterRefusal,
});

const keepsToken = (old: ConnectionTokens, got: TokenSet): boolean =>
  got.refreshToken === null || got.refreshToken === old.refreshToken;

/** As it is sealed in the vault. */
interface Written {
  readonly v: 1;
  readonly grantId: string;
  readonly url: string;
  readonly issuer: string;
  readonly client: {
    readonly id: string;
    readonly authMethod: ClientAuthMethod;
    readonly source: ProviderClient['source'];
    readonly secret: string | null;
    readonly key: string | null;
    readonly secretExpiresAt: number | null;
    readonly issuer: string | null;
  };
  readonly server: RevocationServer;
  readonly reach: UpstreamOauth['reach'];
  readonly asked: readonly string[];
  readonly obtainedAt: number;
  readonly afterRefusal: boolean;
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
  readonly scopes: readonly string[];
  readonly account: string | null;
}

export function writeTokens(tokens: ConnectionTokens): Secret {
  const { client } = tokens;
  const written: Written = {
    v: 1,
    grantId: tokens.grantId,
    url: tokens.url,
    issuer: tokens.issuer,
    client: {
      id: client.id,
      authMethod: client.authMethod,
      source: client.source,
      secret: client.secret?.reveal() ?? null,
      key: client.key?.reveal() ?? null,
      secretExpiresAt: client.secretExpiresAt,
      issuer: client.issuer,
    },
    server: tokens.server,
    reach: tokens.reach,
    asked: tokens.asked,
    obtainedAt: tokens.obtainedAt,
    afterRefusal: tokens.afterRefusal,
    accessToken: tokens.accessToken.reveal(),
    refreshToken: tokens.refreshToken?.reveal() ?? null,
    expiresAt: tokens.expiresAt,
    refreshExpiresAt: tokens.refreshExpiresAt,
    scopes: tokens.scopes,
    account: tokens.account,
  };
  return new Secret(JSON.stringify(written));
}

const secretOf = (text: string | null): Secret | null => (text === null ? null : new Secret(text));

/** Null for what this version of the gateway cannot read: then somebody has to connect anew. */
export function readTokens(sealed: Secret): ConnectionTokens | null {
  let written: Written;
  try {
    written = JSON.parse(sealed.reveal());
  } catch {
    return null;
  }
  if (written?.v !== 1 || typeof written.accessToken !== 'string') return null;
  const { v: _, client, ...plain } = written;
  return {
    ...plain,
    client: { ...client, secret: secretOf(client.secret), key: secretOf(client.key) },
    accessToken: new Secret(written.accessToken),
    refreshToken: secretOf(written.refreshToken),
  };
}
