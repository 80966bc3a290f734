import type { AppError } from '../../errors/app-error.ts';
import { settleLease } from '../../store/connection-leases.ts';
import { type ConnectionPatch, patchConnection, type UpstreamConnection } from '../../store/upstream-connections.ts';
import { connectionKey } from './connection-owner.ts';
import type { ConnectionTokens } from './connection-tokens.ts';
import type { ConnectionsContext } from './connections-context.ts';
import type { LinkFor } from './load-connection.ts';
import { persist } from './persist.ts';
import { recordConnection } from './record-connection.ts';
import { judgeFailure } from './refresh-failure.ts';
import { keepAliveAt } from './refresh-schedule.ts';
import type { WarmTokens } from './warm-tokens.ts';

/** Writes what came of refreshing: to the table, giving the lease back with it, to the audit log and to the operator's. */
export function createRefreshNotes(
  context: ConnectionsContext,
  { warm, linkFor }: { readonly warm: WarmTokens; readonly linkFor: LinkFor },
) {
  const { db, log, now } = context;
  const counts = { refreshed: 0, failed: {} as Record<string, number> };

  return {
    counts,

    /** The tokens are in the vault: what cannot be written about them here does not fail the call. */
    async done(held: UpstreamConnection, by: string, next: ConnectionTokens, generation: number): Promise<void> {
      const { upstream, owner } = held;
      const patch: ConnectionPatch = {
        state: held.state === 'needs_scopes' ? 'needs_scopes' : 'connected',
        ...{ generation, clientId: next.client.id, scopes: next.scopes, account: next.account },
        ...{ expiresAt: next.expiresAt, refreshExpiresAt: next.refreshExpiresAt, refreshedAt: now() },
        refreshDueAt: next.refreshToken === null ? null : keepAliveAt(next, now()),
        ...{ failures: 0, retryAt: null, lastError: null, lastErrorAt: null },
        ...(next.refreshExpiresAt !== held.refreshExpiresAt && { warnedAt: null }),
      };
      try {
        const written = await persist(() => settleLease(db, held, by, patch, now()));
        // The lease went to somebody who took this process for dead; what is in the vault is from here all the same.
        if (written === null) await persist(() => patchConnection(db, held, patch, now()));
      } catch (err) {
        log.warn({ err, upstream }, 'a refresh could not be noted');
      }
      counts.refreshed++;
      const details = { issuer: next.issuer, scopes: [...next.scopes] };
      recordConnection(context, { action: 'connection.refresh', upstream, owner, details });
      context.onChange({ upstream, owner, what: 'refreshed' });
    },

    /**
     * Returns what the callers get.
     * @param lease under which it was tried; null: it did not come so far
     */
    async failed(
      row: UpstreamConnection,
      error: unknown,
      { lease, cutShort = false }: { readonly lease: string | null; readonly cutShort?: boolean },
    ): Promise<AppError> {
      const { upstream, owner } = row;
      const verdict = judgeFailure(error, { row, cutShort, now: now(), linkFor });
      const { kind, alert } = verdict;
      const { state, lastError } = verdict.patch;
      counts.failed[kind] = (counts.failed[kind] ?? 0) + 1;
      const noted = { upstream, owner: owner.id || 'shared', issuer: row.issuer, state, lastError };
      const level = alert ? 'error' : kind === 'transient' ? 'info' : 'warn';
      log[level]({ ...noted, ...(kind === 'internal' && { err: error }) }, 'a token could not be refreshed');
      const written = await persist(() =>
        lease === null
          ? patchConnection(db, row, verdict.patch, now())
          : settleLease(db, row, lease, verdict.patch, now()),
      );
      if (written !== null && (state !== row.state || alert)) {
        const details = { issuer: row.issuer, error: lastError ?? null };
        recordConnection(context, { action: 'connection.fail', upstream, owner, failed: true, reason: kind, details });
        context.onChange({ upstream, owner, what: 'failed' });
      }
      if (state !== 'failing') warm.drop(connectionKey(upstream, owner));
      return verdict.error;
    },
  };
}
