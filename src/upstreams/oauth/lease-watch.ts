import { setTimeout as sleep } from 'node:timers/promises';
import { listLeased } from '../../store/connection-leases.ts';
import { connectionKey } from './connection-owner.ts';
import type { ConnectionsContext } from './connections-context.ts';
import { MAX_LEASE_MS } from './refresh-schedule.ts';

const FIRST_MS = 15;
const MAX_MS = 150;

/**
 * Waits for refreshes of other processes: one query for all that wait. It is asked again and again, because SQLite tells
 * nobody; at most some 150 ms go by until a lease that was given back is noticed.
 */
export function createLeaseWatch({ db, tenantId, now, log }: ConnectionsContext) {
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  let watching = false;

  async function watch(): Promise<void> {
    for (let pauseMs = FIRST_MS; waiting.size > 0; pauseMs = Math.min(MAX_MS, pauseMs * 2)) {
      await sleep(pauseMs);
      try {
        const leased = new Set(
          (await listLeased(db, { tenantId, now: now(), latest: now() + MAX_LEASE_MS })).map(({ upstream, owner }) =>
            connectionKey(upstream, owner),
          ),
        );
        for (const [key, { resolve }] of waiting) {
          if (leased.has(key)) continue;
          waiting.delete(key);
          resolve();
        }
      } catch (error) {
        log.warn({ err: error }, 'refreshes of other processes cannot be followed');
        // Whoever waits finds out by itself what the matter is.
        for (const { resolve } of waiting.values()) resolve();
        waiting.clear();
      }
    }
  }

  return {
    /** Resolves when nobody holds a lease on this connection: it was given back, or its time is over. */
    free(key: string): Promise<void> {
      let entry = waiting.get(key);
      if (entry === undefined) {
        entry = Promise.withResolvers();
        waiting.set(key, entry);
      }
      if (!watching) {
        watching = true;
        void watch().finally(() => {
          watching = false;
        });
      }
      return entry.promise;
    },
  };
}
