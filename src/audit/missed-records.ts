import type { AuditEvent } from '../model/audit-event.ts';
import { RECOVERED_ACTION } from './actions.ts';

/** How many different actions are counted apart among the events that found no room. */
const MAX_ACTIONS = 100;

/** Counts what could not be recorded while the log could not be written, so that at least this much is recorded later. */
export function createMissedRecords(tenantId: string) {
  let since = 0;
  let refused = 0;
  let dropped = new Map<string, number>();
  const totals = { refused: 0, dropped: 0 };

  const begin = () => {
    if (refused === 0 && dropped.size === 0) since = Date.now();
  };

  return {
    totals: (): Readonly<typeof totals> => totals,

    /** An intent was refused. */
    refuse(): void {
      begin();
      refused++;
      totals.refused++;
    },

    /** An event found no room. */
    drop({ action }: AuditEvent): void {
      begin();
      const key = dropped.has(action) || dropped.size < MAX_ACTIONS ? action : 'other';
      dropped.set(key, (dropped.get(key) ?? 0) + 1);
      totals.dropped++;
    },

    /** The event that says what was missed, once; null when nothing was. */
    take(): AuditEvent | null {
      if (refused === 0 && dropped.size === 0) return null;
      const time = Date.now();
      const summary = {
        since,
        durationMs: time - since,
        refusedIntents: refused,
        droppedEvents: Object.fromEntries(dropped),
      };
      refused = 0;
      dropped = new Map();
      return { phase: 'event', action: RECOVERED_ACTION, requestId: '', time, tenantId, arguments: summary };
    },
  };
}
