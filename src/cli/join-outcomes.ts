import type { AuditEntry } from './audit-entry.ts';

/** So many calls under way are remembered; of older ones the end is shown without what it was the end of. */
const MOST_OPEN = 10_000;

/**
 * Turns records, as they come, into what people look at: a call once, when it has ended, with what its intent said. What
 * stands alone, such as a denial, comes as it is.
 */
export function createOutcomeJoiner() {
  const open = new Map<number, AuditEntry>();

  return function join(record: AuditEntry): AuditEntry | null {
    if (record.phase === 'intent' && record.decision !== 'deny') {
      open.set(record.seq, record);
      if (open.size > MOST_OPEN) open.delete(open.keys().next().value!);
      return null;
    }
    if (record.phase !== 'outcome' || record.intent === undefined) return record;
    const intent = open.get(record.intent);
    open.delete(record.intent);
    return { ...intent, ...record };
  };
}
