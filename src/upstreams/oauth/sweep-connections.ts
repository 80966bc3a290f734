import { listConnectionsToWarn, listDueConnections, markWarned } from '../../store/due-connections.ts';
import { countWaitingRevocations, listRevocationsSince } from '../../store/provider-revocations.ts';
import { countConnections, listConnectionsChangedSince } from '../../store/upstream-connections.ts';
import { connectionKey } from './connection-owner.ts';
import type { ConnectionUses } from './connection-uses.ts';
import type { ConnectionsContext } from './connections-context.ts';
import type { createConnectionEnd } from './end-connection.ts';
import { recordConnection } from './record-connection.ts';
import type { RefreshRequest } from './refresh-connection.ts';
import { isConnectable } from './require-oauth-upstream.ts';
import type { RevocationQueue } from './revocation-queue.ts';
import type { createTokenSaver } from './save-tokens.ts';
import type { FoundTokens, WarmTokens } from './warm-tokens.ts';

const MINUTE = 60_000;
/** Tokens that end within this and were used within that are refreshed before the next call. */
const AHEAD_MS = 2 * MINUTE;
const USED_WITHIN_MS = 60 * MINUTE;
const BATCH = 200;
/** Before a refresh token dies of age, so that whoever has to act can do so on a working day. */
const WARN_MS = 3 * 24 * 60 * MINUTE;
/** Clocks of several machines differ, and a transaction is seen later than the time in it says. */
const OVERLAP_MS = 15_000;

export interface SweepParts {
  readonly warm: WarmTokens;
  readonly uses: ConnectionUses;
  readonly queue: RevocationQueue;
  readonly saver: ReturnType<typeof createTokenSaver>;
  readonly end: ReturnType<typeof createConnectionEnd>;
  readonly fetchOnce: (request: RefreshRequest) => Promise<unknown>;
}

/** What is done without being asked. Several processes do it beside each other; leases and claims keep it single. */
export function createConnectionSweep(context: ConnectionsContext, parts: SweepParts) {
  const { db, log, now, tenantId } = context;
  const { warm } = parts;
  let followedTo = now();
  let states: Record<string, number> = {};
  let revocationsWaiting = 0;

  /** Refreshes what is used and about to end, and refresh tokens that must not be left alone for longer. */
  async function refreshDue(): Promise<void> {
    const time = now();
    const due = await listDueConnections(db, {
      ...{ tenantId, now: time, limit: BATCH },
      expiresBefore: time + AHEAD_MS,
      usedSince: time - USED_WITHIN_MS,
    });
    await Promise.allSettled(
      due.map(async (row) => {
        const upstream = context.upstream(row.upstream);
        // Declared in another way, or switched off: what is left works again when that is undone.
        if (upstream === undefined || !upstream.enabled || !isConnectable(upstream)) return;
        // Another process may have been faster since the list was read.
        const isStale = ({ tokens, version }: FoundTokens): boolean =>
          tokens.grantId === row.grantId && version.version <= row.generation;
        await parts.fetchOnce({ upstream, owner: row.owner, isStale, refused: false });
      }),
    );
  }

  async function warn(): Promise<void> {
    for (const row of await listConnectionsToWarn(db, { tenantId, before: now() + WARN_MS })) {
      if (!(await markWarned(db, row, now()))) continue;
      const { upstream, owner, issuer, refreshExpiresAt } = row;
      log.warn(
        { upstream, owner: owner.id || 'shared', refreshExpiresAt },
        'a connection ends soon and has to be made anew',
      );
      recordConnection(context, { action: 'connection.warn', upstream, owner, details: { issuer, refreshExpiresAt } });
    }
  }

  return {
    /** Forgets what other processes changed. */
    async follow(): Promise<void> {
      const since = followedTo - OVERLAP_MS;
      const time = now();
      for (const row of await listConnectionsChangedSince(db, { tenantId, since })) {
        const key = connectionKey(row.upstream, row.owner);
        const token = warm.get(key);
        if (token === undefined) continue;
        const usable = row.state === 'connected' || row.state === 'failing' || row.state === 'needs_scopes';
        if (!usable || token.grantId !== row.grantId || token.version.version < row.generation) warm.drop(key);
      }
      for (const { upstream, owner, createdAt } of await listRevocationsSince(db, { tenantId, since })) {
        const key = connectionKey(upstream, owner);
        // Connected anew since: that is not what was revoked.
        if ((warm.get(key)?.obtainedAt ?? time) <= createdAt) warm.drop(key);
      }
      followedTo = time;
    },
    async sweep(): Promise<void> {
      const work = [parts.uses.flush, parts.saver.retry, parts.end.clearEnding, parts.queue.run, refreshDue, warn];
      for (const step of work) {
        await step().catch((err: unknown) => log.warn({ err }, 'connections could not be looked after'));
      }
      states = {};
      for (const { state, count } of await countConnections(db, tenantId)) states[state] = (states[state] ?? 0) + count;
      revocationsWaiting = await countWaitingRevocations(db, tenantId);
    },
    counted: () => ({ states, revocationsWaiting }),
  };
}
