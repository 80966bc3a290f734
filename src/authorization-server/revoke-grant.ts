import { DEFAULT_TENANT } from '../model/principal.ts';
import { revokeOauthGrant } from '../store/oauth-grants.ts';
import { deleteOauthRecordsOfGrant } from '../store/oauth-records.ts';
import { deleteRefreshSuccessorsOfGrant } from '../store/refresh-successors.ts';
import type { ServerContext } from './context.ts';

const tenantId = DEFAULT_TENANT;

/**
 * Ends a grant with its codes and tokens. Access tokens are no records: they stop working because the resource server is
 * told. Returns false when it was over before.
 */
export async function revokeGrant(
  { db, now, onGrantRevoked }: Pick<ServerContext, 'db' | 'now' | 'onGrantRevoked'>,
  grantId: string,
  reason: string,
): Promise<boolean> {
  const revoked = await revokeOauthGrant(db, { tenantId, id: grantId }, reason, now());
  // Told even if it was revoked before: that may have been on another replica a moment ago.
  onGrantRevoked(grantId);
  await deleteOauthRecordsOfGrant(db, { tenantId, grantId });
  await deleteRefreshSuccessorsOfGrant(db, { tenantId, grantId });
  return revoked;
}
