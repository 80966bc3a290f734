import { DEFAULT_TENANT } from '../../model/principal.ts';
import { findOauthClient } from '../../store/oauth-clients.ts';
import type { ServerContext } from '../context.ts';
import { ENDPOINTS } from '../endpoints.ts';

/** What a sign-out carries from page to page; each page looks at it anew. */
export interface LogoutRequest {
  readonly clientId: string | undefined;
  readonly redirectUri: string | undefined;
  readonly state: string | undefined;
}

export const CONFIRM_PATH = `${ENDPOINTS.end_session}/confirm`;
export const DONE_PATH = `${ENDPOINTS.end_session}/done`;

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

export const readLogoutRequest = (query: Readonly<Record<string, unknown>>): LogoutRequest => ({
  clientId: text(query.client_id),
  redirectUri: text(query.post_logout_redirect_uri),
  state: text(query.state),
});

/** A path of ours with the request in it. */
export function logoutHref(
  { settings }: Pick<ServerContext, 'settings'>,
  path: string,
  request: LogoutRequest,
): string {
  const { clientId, redirectUri, state } = request;
  const query = new URLSearchParams();
  if (clientId !== undefined) query.set('client_id', clientId);
  if (redirectUri !== undefined) query.set('post_logout_redirect_uri', redirectUri);
  if (state !== undefined) query.set('state', state);
  return `${settings.issuerPath}${path}${query.size === 0 ? '' : `?${query}`}`;
}

/**
 * Where the person goes on afterwards: only to a URI that the client has registered, character by character (OpenID Connect
 * RP-Initiated Logout 1.0 §3). Null: nowhere else.
 */
export async function logoutTarget(
  { db }: Pick<ServerContext, 'db'>,
  { clientId, redirectUri, state }: LogoutRequest,
): Promise<string | null> {
  if (clientId === undefined || redirectUri === undefined || clientId.includes('\0')) return null;
  const client = await findOauthClient(db, { tenantId: DEFAULT_TENANT, id: clientId });
  const registered = client?.status === 'active' ? client.metadata.post_logout_redirect_uris : undefined;
  if (!Array.isArray(registered) || !registered.includes(redirectUri)) return null;
  const target = new URL(redirectUri);
  if (state !== undefined) target.searchParams.set('state', state);
  return target.href;
}
