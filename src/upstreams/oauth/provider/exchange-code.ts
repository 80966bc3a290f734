import * as oauth from 'oauth4webapi';
import { Secret } from '../../../lib/secret.ts';
import type { UpstreamOauth } from '../../../model/upstream.ts';
import { clientAuthentication } from './client-authentication.ts';
import { adviceFor, errorKind } from './error-kind.ts';
import { libraryOptions, resourceParameter } from './library-options.ts';
import type { Preset } from './preset.ts';
import type { Provider, ProviderClient, ProviderFetch, TokenSet } from './provider.ts';
import { ProviderFailure, quoted, unanswered } from './provider-failure.ts';
import { readAccount } from './read-account.ts';
import { readTokens } from './read-tokens.ts';

export interface ExchangeOptions {
  /** The one that the person was sent to, as it was found before. */
  readonly provider: Provider;
  readonly client: ProviderClient;
  readonly oauth: UpstreamOauth;
  readonly preset: Preset | null;
  /** The URL that the browser came back with. */
  readonly callback: URL;
  readonly expectedState: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
  /** What was asked for: it was granted when the answer does not say what was. */
  readonly scopes?: readonly string[] | undefined;
  readonly fetch: ProviderFetch;
}

/**
 * Makes tokens of what the browser brought back. `iss` (RFC 9207) and `state` are compared first; before they fit, nothing
 * else in the URL is acted upon, not even an error.
 *
 * @throws ProviderFailure: `denied` when the person said no
 */
export async function exchangeCode(options: ExchangeOptions): Promise<TokenSet> {
  const { provider, client, preset, fetch } = options;
  const library = { client_id: client.id };
  const authentication = await clientAuthentication(provider, client);
  const parameters = checkCallback(options, library);
  const sentAt = Date.now();
  const response = await oauth
    .authorizationCodeGrantRequest(
      provider.server,
      library,
      authentication,
      parameters,
      options.redirectUri,
      options.codeVerifier,
      { ...libraryOptions(options.oauth.reach, fetch), additionalParameters: resourceParameter(provider) },
    )
    .catch((error) => {
      throw unanswered(error, `The token endpoint of ${quoted(provider.issuer)}`);
    });
  const { tokens, body } = await readTokens(response, {
    provider,
    preset,
    sentAt,
    askedScopes: options.scopes ?? [],
    refreshToken: null,
    secrets: [client.secret, new Secret(options.codeVerifier), new Secret(parameters.get('code')!)],
  });
  const account = await readAccount({ provider, preset, tokens, body, fetch, clientId: client.id });
  return { ...tokens, account };
}

function checkCallback(options: ExchangeOptions, library: oauth.Client): URLSearchParams {
  const { provider, callback, expectedState, preset } = options;
  const who = quoted(provider.issuer);
  try {
    const parameters = oauth.validateAuthResponse(provider.server, library, callback, expectedState);
    if (parameters.has('code')) return parameters;
  } catch (error) {
    if (error instanceof oauth.AuthorizationResponseError) {
      const description = error.error_description;
      const said = quoted(description ? `${error.error}: ${description}` : error.error);
      throw new ProviderFailure(
        errorKind(error.error, preset),
        `${who} says no: ${said}.${adviceFor(error.error, description)}`,
      );
    }
    // Its message names a parameter, and quotes none. Its cause has the code in it, and goes nowhere.
    const why = error instanceof Error ? error.message : '';
    throw new ProviderFailure('protocol', `This answer is not one of ${who} to what was asked: ${why}.`);
  }
  throw new ProviderFailure('protocol', `${who} sent the browser back without a code.`);
}
