import type { JWTPayload } from 'jose';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { findOauthClient } from '../../store/oauth-clients.ts';
import { findOauthGrant } from '../../store/oauth-grants.ts';
import { findServiceAccount } from '../../store/service-accounts.ts';
import { findUser } from '../../store/users.ts';
import { principalOf, trail } from '../audit-trail.ts';
import { isDeclared } from '../clients/declared-clients.ts';
import type { ServerContext } from '../context.ts';
import { presentedToken } from './presented-token.ts';

const tenantId = DEFAULT_TENANT;

/**
 * RFC 7662 for our access tokens, which are JWTs. A client learns about its own; declared clients that prove who they are
 * are resource servers, and learn about all. To everybody else every token is inactive (§2.2).
 */
export async function introspectJwt(context: ServerContext, ctx: KoaContextWithOIDC): Promise<void> {
  const { body } = ctx as { body?: { error?: string } };
  if (body?.error !== 'unsupported_token_type') return;
  const claims = await presentedToken(context, ctx);
  const client = ctx.oidc.client!;
  ctx.status = 200;
  ctx.body = { active: false };
  if (claims === null) return;
  const isResourceServer =
    client.clientAuthMethod !== 'none' &&
    isDeclared(await findOauthClient(context.db, { tenantId, id: client.clientId }));
  if (claims.client_id !== client.clientId && !isResourceServer) return;
  const active = await isInForce(context, claims);
  trail(context, 'token.introspected', ctx.req, {
    principal: principalOf(claims.sub!),
    client: { id: client.clientId, name: client.clientName },
    target: String(claims.grant_id ?? claims.client_id),
    reason: active ? 'active' : 'inactive',
  });
  if (!active) return;
  const { iss, sub, aud, client_id, iat, exp, jti, scope, cnf } = claims;
  const token_type = cnf === undefined ? 'Bearer' : 'DPoP';
  ctx.body = { active: true, iss, sub, aud, client_id, iat, exp, jti, scope, cnf, token_type };
}

/** As the resource server sees it: within its time, grant and principal in force. */
async function isInForce({ db, now }: ServerContext, claims: JWTPayload): Promise<boolean> {
  if (claims.exp! * 1000 <= now()) return false;
  const principal = principalOf(claims.sub!);
  const find = principal.kind === 'user' ? findUser : findServiceAccount;
  const found = await find(db, { tenantId, id: principal.id });
  if (found === null || found.status !== 'active' || found.epoch !== claims.epoch) return false;
  if (claims.grant_id === undefined) return true;
  const grant = await findOauthGrant(db, { tenantId, id: String(claims.grant_id) });
  return grant !== null && grant.revokedAt === null;
}
