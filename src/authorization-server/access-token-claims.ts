import type { KoaContextWithOIDC } from 'oidc-provider';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import { findUser } from '../store/users.ts';
import { principalOf } from './audit-trail.ts';
import type { ServerContext } from './context.ts';
import { spokenFor } from './grants/spoken-for.ts';

const tenantId = DEFAULT_TENANT;

/**
 * Adds to an access token (RFC 9068) what ends it early: `grant_id`, and `epoch`, which the principal's own must not have
 * passed. Where nobody has agreed, it is for whom the request speaks.
 */
export async function customizeAccessToken(
  { db }: Pick<ServerContext, 'db'>,
  ctx: KoaContextWithOIDC,
  { accountId, grantId }: { readonly accountId?: string | undefined; readonly grantId?: string | undefined },
  jwt: { readonly payload: Record<string, unknown> },
): Promise<void> {
  const id = accountId ?? spokenFor(ctx);
  const principal = principalOf(id);
  const find = principal.kind === 'user' ? findUser : findServiceAccount;
  const found = await find(db, { tenantId, id });
  if (found === null || found.status !== 'active') throw new TypeError(`A token for ${id}, who is not active.`);
  jwt.payload.sub = id;
  jwt.payload.epoch = found.epoch;
  if (grantId !== undefined) jwt.payload.grant_id = grantId;
}
