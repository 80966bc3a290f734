import type { ConnectionState } from './connection-tables.ts';
import type { Database } from './tables.ts';
import {
  isConnection,
  toConnection,
  type UpstreamConnection,
  type UpstreamConnectionRef,
} from './upstream-connections.ts';

const REFRESHABLE: readonly ConnectionState[] = ['connected', 'needs_scopes', 'failing'];

/**
 * What should be refreshed before somebody asks for it: tokens that end before `expiresBefore` and were used since
 * `usedSince`, and refresh tokens that would die of not being used. Not what waits for another try, or is under way.
 */
export async function listDueConnections(
  db: Database,
  due: {
    readonly tenantId: string;
    readonly now: number;
    readonly expiresBefore: number;
    readonly usedSince: number;
    readonly limit: number;
  },
): Promise<UpstreamConnection[]> {
  const { now } = due;
  const rows = await db
    .selectFrom('upstream_connections')
    .selectAll()
    .where('tenant_id', '=', due.tenantId)
    .where('state', 'in', REFRESHABLE)
    .where((eb) => eb.or([eb('retry_at', 'is', null), eb('retry_at', '<=', now)]))
    .where((eb) => eb.or([eb('lease_until', 'is', null), eb('lease_until', '<=', now)]))
    .where((eb) =>
      eb.or([
        eb('refresh_due_at', '<=', now),
        eb.and([eb('expires_at', '<', due.expiresBefore), eb('last_used_at', '>=', due.usedSince)]),
      ]),
    )
    .orderBy('expires_at')
    .limit(due.limit)
    .execute();
  return rows.map(toConnection);
}

/** Those whose refresh token ends before then, and about which nobody was warned yet. */
export async function listConnectionsToWarn(
  db: Database,
  { tenantId, before }: { readonly tenantId: string; readonly before: number },
): Promise<UpstreamConnection[]> {
  const rows = await db
    .selectFrom('upstream_connections')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('state', 'in', REFRESHABLE)
    .where('refresh_expires_at', '<', before)
    .where('warned_at', 'is', null)
    .limit(100)
    .execute();
  return rows.map(toConnection);
}

/** True for one of all who try. */
export async function markWarned(
  db: Database,
  ref: UpstreamConnectionRef & { readonly grantId: string },
  now: number,
): Promise<boolean> {
  const row = await db
    .updateTable('upstream_connections')
    .set({ warned_at: now })
    .where(isConnection(ref))
    .where('grant_id', '=', ref.grantId)
    .where('warned_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}
