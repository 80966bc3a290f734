import type { AuditRecord, ChainedRecord } from './audit-record.ts';
import { linkHash, splitHash } from './chain.ts';
import type { Checkpoint } from './checkpoint.ts';

export interface ExportFault {
  /** 1-based line of the export. */
  readonly line: number;
  /** Of the record that is wrong, or of the first one that is missing; null where no single record is meant. */
  readonly seq: number | null;
  readonly recordId: string | null;
  readonly kind: 'malformed' | 'edited' | 'deleted' | 'inserted' | 'reordered' | 'truncated' | 'bad-signature';
  /** One sentence. */
  readonly detail: string;
}

function parseRecord(exported: string): { record: ChainedRecord; line: string } | null {
  const split = splitHash(exported);
  if (!split) return null;
  try {
    const record = JSON.parse(split.line) as AuditRecord;
    if (!Number.isSafeInteger(record?.seq) || typeof record.id !== 'string') return null;
    return { record: { ...record, hash: split.hash }, line: split.line };
  } catch {
    return null;
  }
}

/** `aud_x_4` and the record 5 give `aud_x_5`: right as long as both are of one run of the gateway. */
const siblingId = (id: string | null, seq: number): string | null =>
  id === null ? null : id.replace(/\d+$/, String(seq));

/** Where a record stood whose number was not the next one. What follows shows what really happened. */
interface Stray {
  readonly expected: number;
  readonly seq: number;
  readonly hash: string | null;
  next: boolean;
}

/** Checks that records follow each other in number and hash, and keeps the first fault. After it, lines are only counted. */
export function createRecordChain(genesis: string) {
  let fault: ExportFault | null = null;
  let stray: Stray | null = null;
  let count = 0;
  let last: { seq: number; hash: string; id: string | null } = { seq: 0, hash: genesis, id: null };
  let lastSigned = 0;

  const fail = (found: ExportFault) => {
    fault ??= found;
  };

  /** The line after a stray one: was the stray one edited in its number, or moved, or were others really removed? */
  function reconsider({ record, line }: { record: ChainedRecord; line: string }): void {
    if (!stray || !fault) return;
    const { expected, seq, hash } = stray;
    const follows = hash !== null && linkHash(hash, line) === record.hash;
    if (stray.next && follows && record.seq === expected + 1) {
      const detail = `The record after it shows that this is record ${expected}: its number was changed to ${seq}.`;
      fault = { ...fault, kind: 'edited', seq: expected, recordId: siblingId(record.id, expected), detail };
      stray = null;
    } else if (record.seq >= expected && record.seq < seq) {
      const detail = `Record ${record.seq} stands after records that were written later.`;
      fault = { ...fault, kind: 'reordered', seq: record.seq, recordId: record.id, detail };
      stray = null;
    } else stray.next = false;
  }

  function outOfSequence({ seq, id, hash }: ChainedRecord, line: number): void {
    const expected = last.seq + 1;
    stray = { expected, seq, hash, next: true };
    if (seq > expected) {
      const detail = `Records ${expected} to ${seq - 1} are missing.`;
      const recordId = siblingId(id, last.seq) === last.id ? siblingId(id, expected) : null;
      fail({ line, seq: expected, recordId, kind: 'deleted', detail });
    } else {
      fail({ line, seq, recordId: id, kind: 'inserted', detail: `Record ${seq} stands where ${expected} should.` });
    }
  }

  /** Null when the record is not proven: it or one before it is at fault. */
  function record(exported: string, line: number): ChainedRecord | null {
    count++;
    const parsed = parseRecord(exported);
    if (!parsed) {
      const recordId = /"id":"(aud_[a-z0-9]+_\d+)"/.exec(exported)?.[1] ?? null;
      fail({ line, seq: last.seq + 1, recordId, kind: 'malformed', detail: 'The line is not a record with a hash.' });
      return null;
    }
    if (fault) {
      reconsider(parsed);
      return null;
    }
    const { seq, id, hash } = parsed.record;
    if (seq !== last.seq + 1) {
      outOfSequence(parsed.record, line);
      return null;
    }
    if (linkHash(last.hash, parsed.line) !== hash) {
      const detail = 'Its hash does not follow from its content and the record before: one of them was changed.';
      fail({ line, seq, recordId: id, kind: 'edited', detail });
      return null;
    }
    last = { seq, hash, id };
    return parsed.record;
  }

  function checkpoint({ seq, hash, kind, number }: Checkpoint, line: number): void {
    if (fault) return;
    if (seq > last.seq) {
      const missing = last.seq + 1;
      const detail = `A signed checkpoint covers ${seq} records, but ${last.seq} stand before it.`;
      stray = { expected: missing, seq: seq + 1, hash: null, next: true };
      const lost = kind === 'export' ? 'truncated' : 'deleted';
      fail({ line, seq: missing, recordId: siblingId(last.id, missing), kind: lost, detail });
    } else if (seq < last.seq) {
      const detail = `Checkpoint ${number} was signed at record ${seq} and stands after record ${last.seq}.`;
      fail({ line, seq, recordId: siblingId(last.id, seq), kind: 'reordered', detail });
    } else if (hash !== last.hash) {
      const detail = `The chain was rewritten: a record from ${lastSigned + 1} to ${seq} is not the one that was signed.`;
      fail({ line, seq, recordId: last.id, kind: 'edited', detail });
    } else lastSigned = seq;
  }

  return {
    record,
    checkpoint,
    fail,
    fault: () => fault,
    count: () => count,
    lastSeq: () => last.seq,
    lastId: () => last.id,
  };
}
