import type { DeclaredClient } from '../../config/declared-client-schema.ts';
import { isLoopbackHost } from '../../lib/loopback.ts';
import type { OauthClient } from '../../store/oauth-clients.ts';
import { DEVICE_CODE, JWT_BEARER } from '../grant-types.ts';

/** Ours, beside the members of RFC 7591 §2; the library never sees it. */
export const SCOPE_LIMIT = 'toolgate_scopes';

/** Whether an operator or admin has said what the client is, and not the client itself. */
export const isDeclared = (client: OauthClient | null): client is OauthClient =>
  client?.source === 'pre_registered' || client?.source === 'added';

/** All scopes that a client may ever get. Empty: no such limit. */
export function scopeLimitOf(client: OauthClient | null): readonly string[] {
  const limit = isDeclared(client) ? client.metadata[SCOPE_LIMIT] : undefined;
  return Array.isArray(limit) ? limit.map(String) : [];
}

/** The client metadata (RFC 7591 §2) of a declared client. */
export function declaredMetadata(client: DeclaredClient, actsForAccount: boolean): Readonly<Record<string, unknown>> {
  const { name, redirectUris, postLogoutRedirectUris, authMethod, jwks, jwksUri, scopes } = client;
  const interactive = redirectUris.length > 0;
  return {
    client_name: name,
    redirect_uris: redirectUris,
    ...(postLogoutRedirectUris.length > 0 && { post_logout_redirect_uris: postLogoutRedirectUris }),
    application_type: redirectUris.some(isOwnDevice) ? 'native' : 'web',
    response_types: interactive ? ['code'] : [],
    grant_types: [
      // Where the device flow is off, it is left out when the client is read.
      ...(interactive ? ['authorization_code', 'refresh_token', DEVICE_CODE] : []),
      ...(authMethod !== 'none' && actsForAccount ? ['client_credentials'] : []),
      JWT_BEARER,
    ],
    token_endpoint_auth_method: authMethod,
    ...(jwks !== undefined && { jwks }),
    ...(jwksUri !== undefined && { jwks_uri: jwksUri }),
    ...(scopes.length > 0 && { [SCOPE_LIMIT]: scopes }),
  };
}

function isOwnDevice(uri: string): boolean {
  const url = new URL(uri);
  return url.protocol !== 'https:' || isLoopbackHost(url.hostname);
}
