import * as oauth from 'oauth4webapi';
import type { UpstreamOauth } from '../../../model/upstream.ts';
import { allowedEndpoint } from './allowed-endpoint.ts';
import { checkCodeFlow } from './check-code-flow.ts';
import { checkBinding } from './client-authentication.ts';
import type { Preset } from './preset.ts';
import type { Provider, ProviderClient } from './provider.ts';
import { ProviderFailure, quoted } from './provider-failure.ts';

export interface AuthorizationOptions {
  readonly provider: Provider;
  readonly client: ProviderClient;
  readonly oauth: UpstreamOauth;
  readonly preset: Preset | null;
  readonly scopes: readonly string[];
  readonly redirectUri: string;
  readonly state: string;
  /** RFC 7636 §4.1; its challenge goes along, always with S256. */
  readonly codeVerifier: string;
}

/**
 * Where to send the browser so that a person connects. The URL is one to redirect to, and to show the host of; it is never
 * to be opened by a command.
 *
 * @throws ProviderFailure `metadata` when nobody can safely be sent there, `changed_issuer` for a client of another provider
 */
export async function authorizationUrl(options: AuthorizationOptions): Promise<URL> {
  const { provider, client, preset, scopes } = options;
  checkBinding(provider, client);
  checkCodeFlow(provider);
  const endpoint = provider.server.authorization_endpoint!;
  const url = allowedEndpoint(endpoint, options.oauth.reach);
  if (url === null) throw new ProviderFailure('metadata', `Nobody is sent to ${quoted(endpoint)}: it has to be https.`);
  const parameters: Readonly<Record<string, string | null>> = {
    // Many providers that know OpenID Connect give a refresh token only after they have asked (Core §11).
    prompt: scopes.includes('offline_access') && preset?.promptless !== true ? 'consent' : null,
    ...preset?.authorizationParams,
    response_type: 'code',
    client_id: client.id,
    redirect_uri: options.redirectUri,
    scope: scopes.length > 0 ? scopes.join(preset?.commas === 'both' ? ',' : ' ') : null,
    state: options.state,
    code_challenge: await oauth.calculatePKCECodeChallenge(options.codeVerifier),
    code_challenge_method: 'S256',
    resource: provider.resource,
  };
  for (const [name, value] of Object.entries(parameters)) {
    // Also in place of what the endpoint has in its query.
    if (value !== null) url.searchParams.set(name, value);
  }
  return url;
}
