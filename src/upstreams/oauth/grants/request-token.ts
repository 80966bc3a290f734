import * as oauth from 'oauth4webapi';
import type { Secret } from '../../../lib/secret.ts';
import type { UpstreamOauth } from '../../../model/upstream.ts';
import { clientAuthentication } from '../provider/client-authentication.ts';
import { libraryOptions, resourceParameter } from '../provider/library-options.ts';
import type { Preset } from '../provider/preset.ts';
import type { Provider, ProviderClient, ProviderFetch, TokenSet } from '../provider/provider.ts';
import { ProviderFailure, quoted, unanswered } from '../provider/provider-failure.ts';
import { readTokens } from '../provider/read-tokens.ts';

/** What every grant without a browser needs. */
export interface GrantRequest {
  readonly provider: Provider;
  readonly client: ProviderClient;
  readonly oauth: UpstreamOauth;
  readonly preset: Preset | null;
  /** Empty: the parameter is left out, and the provider chooses. */
  readonly scopes: readonly string[];
  readonly fetch: ProviderFetch;
}

/** Types of a token that is sent to an upstream (RFC 8693 §3); a provider that names none issues access tokens. */
const ACCESS_TOKENS: ReadonlySet<unknown> = new Set([
  undefined,
  'urn:ietf:params:oauth:token-type:access_token',
  'urn:ietf:params:oauth:token-type:jwt',
]);

/**
 * Asks the token endpoint for an access token.
 *
 * @param parameters of the grant; `resource` (RFC 8707) and `scope` are added
 * @param assertion that is among them, and must not come back in a message
 * @throws ProviderFailure
 */
export async function requestToken(
  request: GrantRequest,
  grantType: string,
  parameters: Readonly<Record<string, string>>,
  assertion: Secret | null,
): Promise<TokenSet> {
  const { provider, client, preset, scopes } = request;
  const who = quoted(provider.issuer);
  const authentication = await clientAuthentication(provider, client);
  const all = {
    ...parameters,
    ...resourceParameter(provider),
    ...(scopes.length > 0 && { scope: scopes.join(preset?.commas === 'both' ? ',' : ' ') }),
  };
  const sentAt = Date.now();
  const response = await oauth
    .genericTokenEndpointRequest(
      provider.server,
      { client_id: client.id },
      authentication,
      grantType,
      all,
      libraryOptions(request.oauth.reach, request.fetch),
    )
    .catch((error) => {
      throw unanswered(error, `The token endpoint of ${who}`);
    });
  const { tokens, body } = await readTokens(response, {
    provider,
    preset,
    sentAt,
    askedScopes: scopes,
    refreshToken: null,
    secrets: [client.secret, assertion],
  });
  if (!ACCESS_TOKENS.has(body.issued_token_type)) {
    throw new ProviderFailure(
      'protocol',
      `${who} issues ${quoted(String(body.issued_token_type))}, and no access token.`,
    );
  }
  return tokens;
}
