import { START_ACTION } from './actions.ts';
import { recordLine } from './audit-record.ts';
import { type Checkpoint, parseCheckpoint, signCheckpoint } from './checkpoint.ts';
import { loadSigningKey } from './signing-key.ts';
import { type BlockSummary, type ChainTail, openWriterDatabase, type WriterDatabase } from './writer-database.ts';

export interface ChainWriterOptions {
  readonly file: string;
  readonly signingKeyFile: string;
  /** Names this run of the gateway in record ids. */
  readonly writer: string;
  /** The tenant that the log's records about itself belong to. */
  readonly tenantId: string;
  /** A checkpoint is signed every so many records. */
  readonly checkpointRecords: number;
  /** Set when the same run opens the log again: its id, and no new start record. */
  readonly resumeLog?: string | undefined;
}

const NO_CHECKPOINT = { number: 0, seq: 0, kind: 'none', hash: '' };

const readCheckpoint = (line: string | null) => (line && parseCheckpoint(line)?.checkpoint) || NO_CHECKPOINT;

const seqOf = (line: string): number => Number.parseInt(line.slice('{"seq":'.length, 30), 10);

/** Without what is there already: sent again because the commit that reported an error had succeeded after all. */
const dropWritten = (lines: readonly string[], seq: number): readonly string[] =>
  lines[0] === undefined || seqOf(lines[0]) > seq ? lines : lines.filter((line) => seqOf(line) > seq);

interface FoundTail {
  readonly tail: ChainTail;
  /** The run before ended with its closing checkpoint (or there was none). */
  readonly closedInOrder: boolean;
  readonly problem: string | null;
}

/**
 * Where the chain goes on. When the stored records end before the last signed checkpoint, somebody removed them: the
 * chain then continues from what was signed, so that the hole stays visible for ever instead of being written over.
 */
function findTail(db: WriterDatabase): FoundTail {
  const stored = db.tail();
  const signed = readCheckpoint(db.lastCheckpoint());
  if (signed.seq > stored.seq) {
    const problem = `Records ${stored.seq + 1} to ${signed.seq} are missing: a signed checkpoint covers them.`;
    return { tail: { seq: signed.seq, hash: signed.hash }, closedInOrder: false, problem };
  }
  const rewritten = signed.seq > 0 && db.hashAt(signed.seq) !== signed.hash;
  return {
    tail: stored,
    closedInOrder: stored.seq === 0 || (signed.kind === 'close' && signed.seq === stored.seq),
    problem: rewritten ? `Record ${signed.seq} is not the one that was signed.` : null,
  };
}

/** The record that a run begins with: it says what it follows. */
function startLine({ writer, tenantId }: ChainWriterOptions, log: string, found: FoundTail): string {
  const { tail, closedInOrder, problem } = found;
  return recordLine(tail.seq + 1, writer, {
    phase: 'event',
    action: START_ACTION,
    requestId: '',
    time: Date.now(),
    tenantId,
    reason: problem ?? undefined,
    arguments: { log, writer, afterSeq: tail.seq, afterHash: tail.hash, closedInOrder },
  });
}

/**
 * Owns the database and the signing key: chains lines, writes them in one transaction each batch, signs checkpoints.
 * Everything is synchronous and durable when it returns. After a failure the database is opened again at the next call.
 * @throws Error when the log or the key cannot be opened.
 */
export function createChainWriter(options: ChainWriterOptions) {
  const key = loadSigningKey(options.signingKeyFile);
  let db: WriterDatabase | null = openWriterDatabase(options.file, options.resumeLog);
  const { logId } = db;
  const found = findTail(db);
  let { tail } = found;
  let signed: { number: number; seq: number } = readCheckpoint(db.lastCheckpoint());
  let blocks: BlockSummary[] = [];

  function reopen(): WriterDatabase {
    db = openWriterDatabase(options.file, logId);
    // A commit can succeed and still report an error. Whatever is there beyond our tail is then from our last batch.
    const stored = db.tail();
    if (stored.seq > tail.seq) tail = stored;
    const stamped = readCheckpoint(db.lastCheckpoint());
    if (stamped.number > signed.number) signed = stamped;
    return db;
  }

  function drop(): void {
    try {
      db?.close();
    } catch {
      // Only its file handles matter, and they are gone either way.
    }
    db = null;
  }

  function sign(kind: Checkpoint['kind'], at: ChainTail, number: number, header?: string): string {
    const checkpoint = { log: logId, kind, number, seq: at.seq, hash: at.hash, time: Date.now(), header };
    return signCheckpoint(checkpoint, key.privateKey, key.keyId);
  }

  /** One transaction: lines, a checkpoint when one is due or asked for, waiting block summaries. */
  function commit(lines: readonly string[], kind?: 'periodic' | 'close'): string | null {
    try {
      const store = db ?? reopen();
      const fresh = dropWritten(lines, tail.seq);
      if (fresh.length === 0 && kind === undefined && blocks.length === 0) return null;
      const result = store.transaction(() => {
        const start = fresh[0] === undefined ? tail.seq : seqOf(fresh[0]) - 1;
        const next = store.append({ seq: start, hash: tail.hash }, fresh);
        for (const block of blocks) store.addBlock(block);
        if (kind === undefined && next.seq - signed.seq < options.checkpointRecords) return { next, line: null };
        const line = sign(kind ?? 'periodic', next, signed.number + 1);
        store.addCheckpoint(signed.number + 1, next.seq, line);
        return { next, line };
      });
      tail = result.next;
      blocks = [];
      if (result.line !== null) signed = { number: signed.number + 1, seq: tail.seq };
      return result.line;
    } catch (error) {
      drop();
      throw error;
    }
  }

  if (options.resumeLog === undefined) commit([startLine(options, logId, found)]);

  return {
    logId,
    key,
    /** Set when the log that was found does not fit its checkpoints; also recorded. */
    problem: found.problem,
    tail: (): ChainTail => tail,

    /** Writes a batch of lines joined by line feeds (none: only what else is waiting). Returns a new checkpoint's line. */
    write: (batch: string): string | null => commit(batch === '' ? [] : batch.split('\n')),

    addBlock(summary: BlockSummary): void {
      blocks.push(summary);
    },

    /** Signs and stores a checkpoint now. */
    checkpoint: (kind: 'periodic' | 'close'): string => commit([], kind)!,

    hasUnsigned: (): boolean => tail.seq > signed.seq,

    /** The closing line of an export of everything written so far, and what it covers. Writes nothing. */
    seal: (header: string) => ({ line: sign('export', tail, signed.number, header), seq: tail.seq }),

    /** Opens the log anew when its file was removed or replaced. Returns whether it was. */
    checkInPlace(): boolean {
      if (db === null || db.isInPlace()) return true;
      drop();
      return false;
    },

    close: drop,
  };
}
