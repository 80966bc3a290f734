import { DatabaseSync } from 'node:sqlite';
import type { AuditEvent } from '../model/audit-event.ts';
import { type AuditQuery, candidateRanges, compileQuery, type StoredBlock } from './audit-query.ts';
import type { AuditRecord, ChainedRecord } from './audit-record.ts';
import { firstSeqOf } from './block-facets.ts';
import { withHash } from './chain.ts';

/** One thing that happened: an intent with its outcome, or an event. Values are as they were: escape them to print. */
export interface AuditEntry extends Omit<ChainedRecord, 'outcome'> {
  readonly outcome?: AuditEvent['outcome'] | 'unknown' | 'pending' | undefined;
  /** Of the outcome's own record. */
  readonly outcomeId?: string | undefined;
  readonly endedAt?: number | undefined;
}

export interface AuditPage {
  /** Newest first. */
  readonly entries: readonly AuditEntry[];
  /** `after` of the next, older page; null when there is none. */
  readonly next: string | null;
}

export interface TailQuery {
  readonly tenantId: string;
  /** `next` of the call before; absent: begin with the newest `limit` records. */
  readonly after?: string | undefined;
  /** 1 to 500; 50 when absent. */
  readonly limit?: number | undefined;
}

export interface TailPage {
  /** Single records, not joined, oldest first. */
  readonly records: readonly ChainedRecord[];
  /** Never null: there will always be more. */
  readonly next: string;
}

interface ExportPage {
  readonly lines: readonly string[];
  /** The last record that `lines` covers. */
  readonly lastSeq: number;
}

const MAX_LIMIT = 500;
const DEFAULT_LIMIT = 50;
const EXPORT_PAGE_CHARACTERS = 1024 * 1024;

interface Row {
  readonly seq: number;
  readonly hash: string;
  readonly line: string;
  readonly outcome: string | null;
}

const clampLimit = (limit = DEFAULT_LIMIT): number => Math.min(Math.max(Math.trunc(limit), 1), MAX_LIMIT);

/** A cursor is a seq in decimal. Anything else counts as none. */
const readCursor = (cursor: string | undefined): number | null =>
  cursor !== undefined && /^\d{1,15}$/.test(cursor) ? Number(cursor) : null;

function toEntry({ seq, hash, line, outcome }: Row, runStart: number): AuditEntry {
  const record = JSON.parse(line) as AuditRecord;
  if (outcome === null) {
    if (record.phase !== 'intent' || record.decision === 'deny') return { ...record, hash };
    return { ...record, hash, outcome: seq < runStart ? 'unknown' : 'pending' };
  }
  const ended = JSON.parse(outcome) as AuditRecord;
  return {
    ...record,
    hash,
    outcome: ended.outcome,
    outcomeId: ended.id,
    endedAt: ended.time,
    errorCode: ended.errorCode,
    responseBytes: ended.responseBytes,
    responseHash: ended.responseHash,
    response: ended.response,
    durationMs: ended.durationMs,
  };
}

/**
 * Reads a log while it is being written. Synchronous; a search for something rare reads much, so in the gateway this runs
 * in a thread of its own.
 */
export function openAuditReader(file: string) {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 2000 });
  const selectBlock = db.prepare('SELECT first_time, last_time, facets FROM blocks WHERE block = ?');
  const selectLast = db.prepare('SELECT max(seq) AS seq FROM records');
  const selectPage = db.prepare('SELECT seq, hash, line FROM records WHERE seq > ? AND seq <= ? ORDER BY seq');
  const selectCheckpoints = db.prepare('SELECT seq, line FROM checkpoints WHERE seq > ? AND seq <= ? ORDER BY number');
  const tenant = `json_extract(line, '$.tenantId') = ?`;
  const selectAfter = db.prepare(
    `SELECT seq, hash, line FROM records WHERE seq > ? AND ${tenant} ORDER BY seq LIMIT ?`,
  );
  const selectNewest = db.prepare(`SELECT seq, hash, line FROM records WHERE ${tenant} ORDER BY seq DESC LIMIT ?`);

  /** @param runStart seq of the first record of the present run of the gateway */
  function search(query: AuditQuery, runStart: number): AuditPage {
    const limit = clampLimit(query.limit);
    const cursor = readCursor(query.after);
    const lastSeq = cursor === null ? ((selectLast.get()?.seq as number | null) ?? 0) : cursor - 1;
    const { sql, values, mayMatch } = compileQuery(query, runStart);
    const statement = db.prepare(sql);
    const blockMayMatch = (block: number): boolean => {
      const stored = selectBlock.get(block) as StoredBlock | undefined;
      return stored === undefined || mayMatch(stored);
    };
    const rows: Row[] = [];
    for (const [oldest, newest] of candidateRanges(lastSeq, blockMayMatch)) {
      const last = Math.min(lastSeq, firstSeqOf(newest + 1) - 1);
      const wanted = limit + 1 - rows.length;
      rows.push(...(statement.all(firstSeqOf(oldest), last, ...values, wanted) as unknown as Row[]));
      if (rows.length > limit) break;
    }
    const entries = rows.slice(0, limit).map((row) => toEntry(row, runStart));
    return { entries, next: rows.length > limit ? String(entries.at(-1)!.seq) : null };
  }

  function tail({ tenantId, after, limit }: TailQuery): TailPage {
    const cursor = readCursor(after);
    const rows =
      cursor === null
        ? selectNewest.all(tenantId, clampLimit(limit)).reverse()
        : selectAfter.all(cursor, tenantId, clampLimit(limit));
    const records = (rows as unknown as Row[]).map(({ line, hash }) => ({
      ...(JSON.parse(line) as AuditRecord),
      hash,
    }));
    return { records, next: String(records.at(-1)?.seq ?? cursor ?? 0) };
  }

  /** About a megabyte of the export: what stands after `afterSeq` up to `endSeq`. A first page begins after -1. */
  function exportPage(afterSeq: number, endSeq: number): ExportPage {
    const rows: Row[] = [];
    let size = 0;
    let lastSeq = endSeq;
    for (const row of selectPage.iterate(afterSeq, endSeq) as Iterable<unknown> as Iterable<Row>) {
      rows.push(row);
      size += row.line.length;
      if (size < EXPORT_PAGE_CHARACTERS) continue;
      lastSeq = row.seq;
      break;
    }
    const checkpoints = selectCheckpoints.all(afterSeq, lastSeq) as unknown as Row[];
    const lines: string[] = [];
    let at = 0;
    for (const row of rows) {
      while (at < checkpoints.length && checkpoints[at]!.seq < row.seq) lines.push(checkpoints[at++]!.line);
      lines.push(withHash(row.line, row.hash));
    }
    while (at < checkpoints.length) lines.push(checkpoints[at++]!.line);
    return { lines, lastSeq };
  }

  /** `lastSeq` is of the last record that is there, or that a checkpoint says was there. */
  function extent(): { readonly logId: string; readonly lastSeq: number } {
    const sql = `SELECT (SELECT id FROM log) AS logId,
      max(coalesce((SELECT max(seq) FROM records), 0), coalesce((SELECT max(seq) FROM checkpoints), 0)) AS lastSeq`;
    return db.prepare(sql).get() as { logId: string; lastSeq: number };
  }

  return { search, tail, exportPage, extent, close: () => db.close() };
}
