import { AppError } from '../../errors/app-error.ts';
import {
  deleteEndedConnection,
  endConnection,
  endConnectionsOfOwner,
  listEndingConnections,
} from '../../store/ending-connections.ts';
import { findConnection, type UpstreamConnection } from '../../store/upstream-connections.ts';
import { type ConnectionOwner, connectionKey } from './connection-owner.ts';
import { readTokens, tokensRef } from './connection-tokens.ts';
import { type ConnectionsContext, refOf } from './connections-context.ts';
import { type ConnectionEvent, recordConnection } from './record-connection.ts';
import type { RevocationQueue } from './revocation-queue.ts';
import type { WarmTokens } from './warm-tokens.ts';

const BATCH = 100;
const ATTEMPTS = 5;

/**
 * Ends connections in steps that can each be cut short: marked, so that nobody uses them; queued to be revoked; taken from
 * the vault; removed. What is marked, by whatever way (a user was removed, an upstream, a disconnect that did not come to
 * its end), is cleared away by the next sweep of any process.
 */
export function createConnectionEnd(
  context: ConnectionsContext,
  { warm, queue }: { readonly warm: WarmTokens; readonly queue: RevocationQueue },
) {
  const { db, vault, now, tenantId } = context;

  async function clear(row: UpstreamConnection): Promise<void> {
    await queueTokens(row);
    await deleteEndedConnection(db, row);
    warm.drop(connectionKey(row.upstream, row.owner));
    context.onChange({ upstream: row.upstream, owner: row.owner, what: 'disconnected' });
  }

  /** A refresh that was under way may put newer tokens there meanwhile: none goes away without being queued. */
  async function queueTokens(row: UpstreamConnection): Promise<void> {
    const ref = tokensRef(row);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // Another process may have cleared it away, and somebody connected anew.
      if ((await findConnection(db, row))?.state !== 'ending') return;
      const entry = await vault.readStored(ref);
      if (entry === null) return;
      const tokens = readTokens(entry.value);
      if (tokens !== null) await queue.add(row, tokens);
      if (await vault.remove(ref, entry)) return;
    }
    throw new AppError('conflict', 'The connection is being changed by others at the same time. Try again.');
  }

  async function clearEnding(): Promise<void> {
    for (;;) {
      const ending = await listEndingConnections(db, { tenantId, limit: BATCH });
      for (const row of ending) await clear(row);
      if (ending.length < BATCH) return;
    }
  }

  return {
    async disconnect(
      upstream: string,
      owner: ConnectionOwner,
      by: NonNullable<ConnectionEvent['by']>,
    ): Promise<boolean> {
      const row = await endConnection(db, refOf(context, upstream, owner), now());
      if (row === null) return false;
      warm.drop(connectionKey(upstream, owner));
      const details = { issuer: row.issuer, scopes: [...row.scopes] };
      recordConnection(context, { action: 'connection.disconnect', upstream, owner, by, details });
      await clear(row);
      return true;
    },
    async endOfPrincipal(id: string): Promise<void> {
      for (const kind of ['user', 'service_account'] as const) {
        const count = await endConnectionsOfOwner(db, { tenantId, kind, id }, now());
        if (count > 0) context.log.info({ principal: id, connections: count }, 'connections of a principal end');
      }
      await clearEnding();
    },
    clearEnding,
  };
}
