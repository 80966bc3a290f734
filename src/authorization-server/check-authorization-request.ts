import type { KoaContextWithOIDC } from 'oidc-provider';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { findOauthClient, touchOauthClient } from '../store/oauth-clients.ts';
import { scopeLimitOf } from './clients/declared-clients.ts';
import type { ServerContext } from './context.ts';
import type { OidcLibrary } from './oidc-library.ts';
import { canonicalResource, HARMLESS_SCOPES, scopesToGrant, withinLimit } from './resources.ts';

const TOUCH_MS = 3_600_000;
const tenantId = DEFAULT_TENANT;

/**
 * The last step of reading an authorization request (also a pushed one, and one of a device): settles on one spelling of
 * the one resource, on the scopes, and on whether the client may ask at all.
 */
export async function checkAuthorizationRequest(
  context: ServerContext,
  { errors }: OidcLibrary,
  ctx: KoaContextWithOIDC,
): Promise<void> {
  const { db, now } = context;
  const params = ctx.oidc.params!;
  const client = ctx.oidc.client!;
  const servers = ctx.oidc.resourceServers as Record<string, { scope: string }>;
  const resources = [...new Set(Object.keys(servers).map((asked) => canonicalResource(context.publicUrl(), asked)))];
  const [resource] = resources;
  // RFC 8707 §2 allows several; a token is good for one here, and a grant, too.
  if (!resource || resources.length !== 1) throw new errors.InvalidTarget('ask for one resource at a time');
  const server = Object.values(servers)[0]!;
  for (const asked of Object.keys(servers)) delete servers[asked];
  servers[resource] = server;
  params.resource = resource;

  const stored = await findOauthClient(db, { tenantId, id: client.clientId });
  const asked = typeof params.scope === 'string' ? params.scope.split(' ') : [];
  const wanted = scopesToGrant(asked, resource);
  const scopes = wanted === null ? null : withinLimit(wanted, scopeLimitOf(stored));
  if (scopes === null) throw new errors.InvalidScope('no requested scope can be had at this resource', asked.join(' '));
  server.scope = scopes.join(' ');
  params.scope = [...scopes, ...asked.filter((scope) => HARMLESS_SCOPES.includes(scope))].join(' ');

  if (stored?.status === 'pending') {
    const refusal = new errors.AccessDenied('An operator of this gateway has to approve the client first.');
    // Where it would be sent back to is what the operator has to look at.
    refusal.allow_redirect = false;
    throw refusal;
  }
  await touchOauthClient(db, { tenantId, id: client.clientId }, now(), TOUCH_MS);
}
