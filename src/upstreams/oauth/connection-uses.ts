import { type ConnectionUse, touchConnections } from '../../store/touch-connections.ts';
import { transact } from '../../store/transact.ts';
import { type ConnectionOwner, connectionKey } from './connection-owner.ts';
import { type ConnectionsContext, refOf } from './connections-context.ts';

export type ConnectionUses = ReturnType<typeof createConnectionUses>;

/** Who used which connection last. A call only notes it in memory. */
export function createConnectionUses(context: ConnectionsContext) {
  const { db, now } = context;
  let noted = new Map<string, ConnectionUse>();
  return {
    used(upstream: string, owner: ConnectionOwner, agentId: string): void {
      noted.set(connectionKey(upstream, owner), { ...refOf(context, upstream, owner), at: now(), by: agentId });
    },
    /** Writes what was noted. What cannot be written is forgotten: it says nothing that matters. */
    async flush(): Promise<void> {
      if (noted.size === 0) return;
      const uses = [...noted.values()];
      noted = new Map();
      await transact(db, (trx) => touchConnections(trx, uses));
    },
  };
}
