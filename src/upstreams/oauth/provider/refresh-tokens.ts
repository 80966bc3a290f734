import * as oauth from 'oauth4webapi';
import type { Secret } from '../../../lib/secret.ts';
import type { UpstreamOauth } from '../../../model/upstream.ts';
import { clientAuthentication } from './client-authentication.ts';
import { libraryOptions, resourceParameter } from './library-options.ts';
import type { Preset } from './preset.ts';
import type { Provider, ProviderClient, ProviderFetch, TokenSet } from './provider.ts';
import { quoted, unanswered } from './provider-failure.ts';
import { readTokens } from './read-tokens.ts';

export interface RefreshOptions {
  readonly provider: Provider;
  readonly client: ProviderClient;
  readonly oauth: UpstreamOauth;
  readonly preset: Preset | null;
  readonly refreshToken: Secret;
  /** Of the connection. They are not sent: a refresh without scopes keeps them all (RFC 6749 §6). */
  readonly scopes: readonly string[];
  readonly fetch: ProviderFetch;
}

/**
 * Gets new tokens for a refresh token. It is spent as soon as the request leaves, so whoever calls this has to keep what
 * comes back before anything else, and must not call it twice with the same one. Without a new refresh token in the
 * answer, the old one stays: `refreshToken` is then the same object, and what was known of its end is still true.
 *
 * @throws ProviderFailure `invalid_grant` when the person has to connect again; `transient` when it is not known whether
 * the old one was spent
 */
export async function refreshTokens(options: RefreshOptions): Promise<TokenSet> {
  const { provider, client, preset, refreshToken } = options;
  const authentication = await clientAuthentication(provider, client);
  const sentAt = Date.now();
  const response = await oauth
    .refreshTokenGrantRequest(provider.server, { client_id: client.id }, authentication, refreshToken.reveal(), {
      ...libraryOptions(options.oauth.reach, options.fetch),
      additionalParameters: resourceParameter(provider),
    })
    .catch((error) => {
      throw unanswered(error, `The token endpoint of ${quoted(provider.issuer)}`);
    });
  const { tokens } = await readTokens(response, {
    provider,
    preset,
    sentAt,
    askedScopes: options.scopes,
    refreshToken,
    secrets: [client.secret, refreshToken],
  });
  return tokens;
}
