import type { KoaContextWithOIDC } from 'oidc-provider';
import { principalOf, trail } from '../audit-trail.ts';
import type { ServerContext } from '../context.ts';
import { revokeGrant } from '../revoke-grant.ts';
import { presentedToken } from './presented-token.ts';

/**
 * RFC 7009 for our access tokens, which are JWTs: the whole grant ends (§2.1 allows it), as a single token is recorded
 * nowhere. A token without a grant (client credentials, assertions) cannot be revoked, and the answer says so.
 */
export async function revokeJwt(context: ServerContext, ctx: KoaContextWithOIDC): Promise<void> {
  const { body } = ctx as { body?: { error?: string } };
  if (body?.error !== 'unsupported_token_type') return;
  const claims = await presentedToken(context, ctx);
  const client = ctx.oidc.client!;
  // §2.2: what is no token of this client is as good as revoked.
  const isOwn = claims !== null && claims.client_id === client.clientId;
  if (isOwn && claims.grant_id === undefined) return;
  ctx.status = 200;
  ctx.body = '';
  if (!isOwn) return;
  const grantId = String(claims.grant_id);
  const revoked = await revokeGrant(context, grantId, 'revoked_by_client');
  if (!revoked) return;
  trail(context, 'token.revoked', ctx.req, {
    principal: principalOf(claims.sub!),
    client: { id: client.clientId, name: client.clientName },
    target: grantId,
  });
}
