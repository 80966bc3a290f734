import type { Provider } from './provider.ts';
import { ProviderFailure, quoted } from './provider-failure.ts';

/**
 * Whether people can be sent to the provider: it has to have an authorization endpoint, and to say that it knows PKCE with
 * S256 (2025-11-25, "Authorization Code Protection": without, clients must refuse).
 *
 * @throws ProviderFailure `metadata`
 */
export function checkCodeFlow({ server, issuer }: Provider): void {
  if (server.authorization_endpoint === undefined) {
    throw new ProviderFailure('metadata', `${quoted(issuer)} has no authorization endpoint: nobody can sign in there.`);
  }
  if (!server.code_challenge_methods_supported?.includes('S256')) {
    const detail = `${quoted(issuer)} does not say that it supports PKCE with S256, so that codes would not be safe.`;
    throw new ProviderFailure('metadata', detail);
  }
}
