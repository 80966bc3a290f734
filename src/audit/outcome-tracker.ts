import { START_ACTION } from './actions.ts';
import type { AuditRecord } from './audit-record.ts';

export interface UnknownOutcome {
  readonly seq: number;
  readonly recordId: string;
  readonly requestId: string;
  readonly action: string;
}

/**
 * Matches outcomes with their intents in the order of the log. An intent that has no outcome when a later run of the
 * gateway starts will never get one. A denied intent waits for none: nothing was done.
 */
export function createOutcomeTracker() {
  const open = new Map<number, UnknownOutcome>();
  const unknown: UnknownOutcome[] = [];

  function giveUp(): void {
    unknown.push(...open.values());
    open.clear();
  }

  return {
    see({ seq, id, phase, requestId, action, decision, intent }: AuditRecord): void {
      if (phase === 'intent') {
        if (decision !== 'deny') open.set(seq, { seq, recordId: id, requestId, action });
      } else if (intent !== undefined) open.delete(intent);
      else if (action === START_ACTION) giveUp();
    },
    giveUp,
    unknown: (): readonly UnknownOutcome[] => unknown,
    pending: (): number => open.size,
  };
}
