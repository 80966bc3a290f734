import type { Database } from './tables.ts';
import { isConnection, type UpstreamConnectionRef } from './upstream-connections.ts';

export interface ConnectionUse extends UpstreamConnectionRef {
  readonly at: number;
  /** Id of the agent. */
  readonly by: string;
}

/** Notes when and by what they were used last. An earlier use than the one that is known changes nothing. */
export async function touchConnections(trx: Database, uses: readonly ConnectionUse[]): Promise<void> {
  for (const use of uses) {
    await trx
      .updateTable('upstream_connections')
      .set({ last_used_at: use.at, last_used_by: use.by })
      .where(isConnection(use))
      .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', use.at)]))
      .execute();
  }
}
