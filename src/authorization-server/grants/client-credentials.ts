import type { KoaContextWithOIDC } from 'oidc-provider';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { findOauthClient } from '../../store/oauth-clients.ts';
import { findServiceAccount } from '../../store/service-accounts.ts';
import { isDeclared, scopeLimitOf } from '../clients/declared-clients.ts';
import type { ServerContext } from '../context.ts';
import type { OidcLibrary } from '../oidc-library.ts';
import type { GrantHandler } from './grant-handler.ts';
import { settleTarget } from './settle-target.ts';
import { speakFor } from './spoken-for.ts';

const tenantId = DEFAULT_TENANT;

/**
 * The client credentials grant (RFC 6749 §4.4), for declared clients that act for a service account. The resource is
 * `/mcp` unless another is asked for, and the scope all that the client may have there.
 */
export function clientCredentialsFor(
  context: ServerContext,
  library: OidcLibrary,
  handler: GrantHandler,
): GrantHandler {
  return async (ctx: KoaContextWithOIDC) => {
    const client = ctx.oidc.client!;
    const stored = await findOauthClient(context.db, { tenantId, id: client.clientId });
    const id = isDeclared(stored) ? stored.serviceAccountId : null;
    const account = id === null ? null : await findServiceAccount(context.db, { tenantId, id });
    if (account === null || account.status !== 'active') {
      throw new library.errors.UnauthorizedClient('the client acts for no active service account');
    }
    speakFor(ctx, account.id);
    settleTarget(context, library, ctx.oidc.params!, scopeLimitOf(stored));
    return handler(ctx);
  };
}
