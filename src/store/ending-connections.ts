import type { PrincipalKind } from '../model/principal.ts';
import type { Database } from './tables.ts';
import {
  isConnection,
  toConnection,
  type UpstreamConnection,
  type UpstreamConnectionRef,
} from './upstream-connections.ts';

/**
 * Name of the vault entry with the tokens of a connection. Whatever removes secrets together with their owner or upstream
 * leaves this one to the connection that is ending: without the token nobody could revoke it at the provider.
 */
export const CONNECTION_TOKENS = 'oauth-tokens';

/** From now on nobody can use it. Null when there is none, or it is ending already. */
export async function endConnection(
  db: Database,
  ref: UpstreamConnectionRef,
  now: number,
): Promise<UpstreamConnection | null> {
  const row = await db
    .updateTable('upstream_connections')
    .set({ state: 'ending', lease_by: null, lease_until: null, updated_at: now })
    .where(isConnection(ref))
    .where('state', '!=', 'ending')
    .returningAll()
    .executeTakeFirst();
  return row ? toConnection(row) : null;
}

/** All of a principal. Returns how many. */
export async function endConnectionsOfOwner(
  db: Database,
  { tenantId, kind, id }: { readonly tenantId: string; readonly kind: PrincipalKind; readonly id: string },
  now: number = Date.now(),
): Promise<number> {
  const rows = await db
    .updateTable('upstream_connections')
    .set({ state: 'ending', lease_by: null, lease_until: null, updated_at: now })
    .where('tenant_id', '=', tenantId)
    .where('owner_kind', '=', kind)
    .where('owner_id', '=', id)
    .where('state', '!=', 'ending')
    .returning('id')
    .execute();
  return rows.length;
}

/** All at an upstream, with what the gateway is registered as there. */
export async function endConnectionsOfUpstream(
  trx: Database,
  { tenantId, upstream }: { readonly tenantId: string; readonly upstream: string },
  now: number = Date.now(),
): Promise<void> {
  await trx
    .updateTable('upstream_connections')
    .set({ state: 'ending', lease_by: null, lease_until: null, updated_at: now })
    .where('tenant_id', '=', tenantId)
    .where('upstream', '=', upstream)
    .where('state', '!=', 'ending')
    .execute();
  await trx.deleteFrom('upstream_clients').where('tenant_id', '=', tenantId).where('upstream', '=', upstream).execute();
}

export async function listEndingConnections(
  db: Database,
  { tenantId, limit }: { readonly tenantId: string; readonly limit: number },
): Promise<UpstreamConnection[]> {
  const rows = await db
    .selectFrom('upstream_connections')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('state', '=', 'ending')
    .orderBy('updated_at')
    .limit(limit)
    .execute();
  return rows.map(toConnection);
}

/** Removes one that is ending, when everything of it is cleared away. False when it is not (any more). */
export async function deleteEndedConnection(
  db: Database,
  ref: UpstreamConnectionRef & { readonly grantId: string },
): Promise<boolean> {
  const row = await db
    .deleteFrom('upstream_connections')
    .where(isConnection(ref))
    .where('grant_id', '=', ref.grantId)
    .where('state', '=', 'ending')
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}
