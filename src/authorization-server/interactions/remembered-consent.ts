import type { Grant, KoaContextWithOIDC } from 'oidc-provider';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { scopesInclude } from '../../model/scope.ts';
import { type ConsentRef, findConsent } from '../../store/consents.ts';
import { findUser } from '../../store/users.ts';
import { trail } from '../audit-trail.ts';
import type { ServerContext } from '../context.ts';
import { giveGrant, mayHaveGrant } from '../give-grant.ts';
import { factsOf } from '../request-facts.ts';
import { HARMLESS_SCOPES } from '../resources.ts';
import { answersRemotely } from './interaction-policy.ts';

const tenantId = DEFAULT_TENANT;

/**
 * The grant that an authorization goes on with: the one that the person has just given, or a new one by an earlier consent
 * to the same client, redirect host and resource. Every authorization has a grant of its own, so that one of several
 * installations of a client can be revoked.
 */
export async function existingGrant(context: ServerContext, ctx: KoaContextWithOIDC): Promise<Grant | undefined> {
  const { oidc } = ctx;
  const given = oidc.result?.consent?.grantId;
  if (given !== undefined) return oidc.provider.Grant.find(given);
  // Asked for another look, or for another sign-in first.
  if ([...oidc.prompts].some((prompt) => prompt !== 'none' && oidc.promptPending(prompt))) return undefined;
  const { max_age: maxAge } = oidc.params!;
  if (maxAge !== undefined && !oidc.result?.login && oidc.session!.past(Number(maxAge))) return undefined;
  if (!answersRemotely(ctx)) return undefined;

  const { client, account } = oidc;
  const scopes = String(oidc.params!.scope)
    .split(' ')
    .filter((scope) => !HARMLESS_SCOPES.includes(scope));
  const resource = String(oidc.params!.resource);
  const ref = consentRefOf(account!.accountId, client!.clientId, String(oidc.params!.redirect_uri), resource);
  const consent = await findConsent(context.db, ref, context.now());
  if (consent === null || !scopes.every((scope) => scopesInclude(consent.scopes, scope))) return undefined;
  const user = await findUser(context.db, { tenantId, id: account!.accountId });
  const session = await context.browserSessions.read(ctx.req);
  if (user === null || session === null || !(await mayHaveGrant(context, client!.clientId))) return undefined;
  const { address } = factsOf(ctx.req);
  const named = { id: client!.clientId, name: client!.clientName ?? client!.clientId };
  const id = await giveGrant(context, { client: named, user, resource, scopes, session, address });
  trail(context, 'grant.issued', ctx.req, {
    principal: { kind: 'user', id: user.id, name: user.name },
    client: named,
    target: id,
    reason: 'remembered_consent',
    resource,
    scopes,
  });
  return oidc.provider.Grant.find(id);
}

export const consentRefOf = (userId: string, clientId: string, redirectUri: string, resource: string): ConsentRef => ({
  tenantId,
  userId,
  clientId,
  redirectHost: new URL(redirectUri).host,
  resource,
});
