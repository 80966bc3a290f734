import type { OauthClientStatus } from '../../store/oauth-clients.ts';
import type { ServerContext } from '../context.ts';
import type { OidcLibrary } from '../oidc-library.ts';
import { isRemoteRedirect, readDescription } from './client-metadata.ts';

/** How clients that register themselves may prove who they are; most are public. */
const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'];

/** Whether there is a registration endpoint. */
export const offersRegistration = ({ settings }: Pick<ServerContext, 'settings'>): boolean =>
  settings.clients.registration !== 'off';

/**
 * Reduces what a client registers to what is offered. The library has put the id and perhaps a secret in already; a public
 * client gets none, as some would then send it.
 */
export function fitRegistration(
  metadata: Record<string, unknown>,
  { settings }: Pick<ServerContext, 'settings'>,
  library: OidcLibrary,
): void {
  const description = readDescription(metadata, library, {
    authMethods: AUTH_METHODS,
    deviceFlow: settings.deviceFlow,
  });
  const { client_id, client_id_issued_at, client_secret, client_secret_expires_at } = metadata;
  for (const name of Object.keys(metadata)) delete metadata[name];
  const withSecret = description.token_endpoint_auth_method.startsWith('client_secret_');
  Object.assign(metadata, description, { client_id, client_id_issued_at });
  if (withSecret) Object.assign(metadata, { client_secret, client_secret_expires_at });
}

/**
 * `listed`: a client that sends people anywhere else than to the listed hosts or their own device waits for an operator's
 * approval.
 */
export function statusOfNew(
  { settings }: Pick<ServerContext, 'settings'>,
  redirectUris: readonly string[],
): OauthClientStatus {
  const { registration, redirectHosts } = settings.clients;
  if (registration !== 'listed') return 'active';
  const remote = redirectUris.filter(isRemoteRedirect);
  return remote.every((uri) => redirectHosts.includes(new URL(uri).host)) ? 'active' : 'pending';
}
