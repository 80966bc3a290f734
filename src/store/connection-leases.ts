import type { SecretRef } from './secrets.ts';
import type { Database } from './tables.ts';
import {
  type ConnectionPatch,
  isConnection,
  toConnection,
  toPatchRow,
  type UpstreamConnection,
  type UpstreamConnectionRef,
} from './upstream-connections.ts';

/** Names one refresh of one connection. */
export interface ConnectionLease {
  readonly by: string;
  /** Milliseconds since the epoch. Whoever holds it longer may find that another process took it for dead. */
  readonly until: number;
}

/**
 * Takes the right to refresh. `seen` is the connection as it was read: null when anything that counts has changed since
 * (its lease, its state, its tokens), so that of all who saw the same, in whatever process, one gets it.
 */
export async function takeLease(
  db: Database,
  seen: UpstreamConnection,
  lease: ConnectionLease,
): Promise<UpstreamConnection | null> {
  const row = await db
    .updateTable('upstream_connections')
    .set({ lease_by: lease.by, lease_until: lease.until })
    .where(isConnection(seen))
    .where('grant_id', '=', seen.grantId)
    .where('generation', '=', seen.generation)
    .where('state', '=', seen.state)
    .where('lease_by', seen.leaseBy === null ? 'is' : '=', seen.leaseBy)
    .where('lease_until', seen.leaseUntil === null ? 'is' : '=', seen.leaseUntil)
    .returningAll()
    .executeTakeFirst();
  return row ? toConnection(row) : null;
}

/** False when it is not held any more. */
export async function extendLease(db: Database, ref: UpstreamConnectionRef, lease: ConnectionLease): Promise<boolean> {
  const row = await db
    .updateTable('upstream_connections')
    .set({ lease_until: lease.until })
    .where(isConnection(ref))
    .where('lease_by', '=', lease.by)
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * Gives the lease back and writes what came of it, as one. Null, having changed nothing, when the lease is not held any
 * more or the connection is ending.
 */
export async function settleLease(
  db: Database,
  ref: UpstreamConnectionRef,
  by: string,
  patch: ConnectionPatch,
  now: number,
): Promise<UpstreamConnection | null> {
  const row = await db
    .updateTable('upstream_connections')
    .set({ ...toPatchRow(patch), lease_by: null, lease_until: null, updated_at: now })
    .where(isConnection(ref))
    .where('lease_by', '=', by)
    .where('state', '!=', 'ending')
    .returningAll()
    .executeTakeFirst();
  return row ? toConnection(row) : null;
}

/** Gives the lease back; nothing came of it. */
export async function releaseLease(db: Database, ref: UpstreamConnectionRef, by: string): Promise<void> {
  await db
    .updateTable('upstream_connections')
    .set({ lease_by: null, lease_until: null })
    .where(isConnection(ref))
    .where('lease_by', '=', by)
    .execute();
}

/** What is being refreshed now, by whatever process: leases that end after `now`, and at `latest`. */
export async function listLeased(
  db: Database,
  { tenantId, now, latest }: { readonly tenantId: string; readonly now: number; readonly latest: number },
): Promise<{ readonly upstream: string; readonly owner: SecretRef['owner'] }[]> {
  const rows = await db
    .selectFrom('upstream_connections')
    .select(['upstream', 'owner_kind', 'owner_id'])
    .where('tenant_id', '=', tenantId)
    .where('lease_until', '>', now)
    .where('lease_until', '<=', latest)
    .execute();
  return rows.map((row) => ({ upstream: row.upstream, owner: { kind: row.owner_kind, id: row.owner_id } }));
}
