import type { KoaContextWithOIDC } from 'oidc-provider';
import { trail } from '../audit-trail.ts';
import type { ServerContext } from '../context.ts';
import { CONFIRM_PATH, DONE_PATH, logoutHref } from './logout-target.ts';

/**
 * What follows a request to sign out (OpenID Connect RP-Initiated Logout 1.0 §2) that the library has found in order. A
 * program that shows the ID token of whoever is signed in has it done at once; for all others the person is asked, since
 * any page could have sent them here.
 */
export async function afterLogoutRequest(context: ServerContext, ctx: KoaContextWithOIDC): Promise<void> {
  const { client, params, entities } = ctx.oidc;
  const request = {
    clientId: client?.clientId,
    redirectUri: params!.post_logout_redirect_uri as string | undefined,
    state: params!.state as string | undefined,
  };
  const session = await context.browserSessions.read(ctx.req);
  const hint = entities.IdTokenHint as { readonly payload: { readonly sub?: unknown } } | undefined;
  const isTheirs = session !== null && hint?.payload.sub === session.userId;
  if (session !== null && !isTheirs) return redirect(ctx, logoutHref(context, CONFIRM_PATH, request));
  if (session !== null) {
    await context.browserSessions.endById(session.id);
    trail(context, 'login.ended', ctx.req, {
      principal: { kind: 'user', id: session.userId, name: session.userName },
      client: client && { id: client.clientId, name: client.clientName },
      target: session.provider ?? 'local',
      reason: 'client_logout',
    });
  }
  redirect(ctx, logoutHref(context, DONE_PATH, request));
}

function redirect(ctx: KoaContextWithOIDC, path: string): void {
  ctx.redirect(path);
  ctx.status = 303;
}
