import { closeSync, openSync, statSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { newId } from '../lib/ids.ts';
import { intentOf } from './audit-record.ts';
import { genesisHash, linkHash } from './chain.ts';

const SCHEMA_VERSION = 1;

/*
 * Few columns and no index over what is searched for: an index over principals or tools costs one page written per row
 * and commit, three times the rest together. `blocks` says instead, for every 1,024 records, what occurs in them.
 */
const SCHEMA = `
  CREATE TABLE log (id TEXT NOT NULL) STRICT;
  CREATE TABLE records (seq INTEGER PRIMARY KEY, intent INTEGER, hash TEXT NOT NULL, line TEXT NOT NULL) STRICT;
  CREATE INDEX outcome_of ON records (intent) WHERE intent IS NOT NULL;
  CREATE TABLE checkpoints (number INTEGER PRIMARY KEY, seq INTEGER NOT NULL, line TEXT NOT NULL) STRICT;
  CREATE INDEX checkpoint_seq ON checkpoints (seq);
  CREATE TABLE blocks (
    block INTEGER PRIMARY KEY, first_time INTEGER NOT NULL, last_time INTEGER NOT NULL, facets BLOB NOT NULL
  ) STRICT;
`;

/** The end of the chain: the last record and its hash. */
export interface ChainTail {
  readonly seq: number;
  readonly hash: string;
}

export interface BlockSummary {
  readonly block: number;
  readonly firstTime: number;
  readonly lastTime: number;
  /** Hashes of what occurs in the block; see block-facets.ts. */
  readonly facets: Uint32Array;
}

export type WriterDatabase = ReturnType<typeof openWriterDatabase>;

/** Rows of one INSERT: running it for eight rows costs a fifth less than for each. */
const ROWS_AT_ONCE = 8;
/** Milliseconds that a commit waits for somebody else's lock. Nobody else writes to this file, so it is never needed. */
const LOCK_TIMEOUT_MS = 5_000;

function createSchema(db: DatabaseSync, logId: string): void {
  db.exec('BEGIN IMMEDIATE');
  db.exec(SCHEMA);
  db.prepare('INSERT INTO log (id) VALUES (?)').run(logId);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  db.exec('COMMIT');
}

function connect(file: string, logId: string | undefined): { db: DatabaseSync; logId: string } {
  // Created here rather than by SQLite so that nobody else can read it; its WAL gets the same mode.
  closeSync(openSync(file, 'a', 0o600));
  const db = new DatabaseSync(file, { timeout: LOCK_TIMEOUT_MS });
  try {
    // FULL: the WAL is synced before a commit returns, which is what makes an acknowledgement mean anything.
    // Larger pages and rarer WAL checkpoints than SQLite's defaults: a fifth less work for records that only arrive.
    db.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
    db.exec('PRAGMA wal_autocheckpoint = 2048; PRAGMA journal_size_limit = 16777216');
    const version = db.prepare('PRAGMA user_version').get()?.user_version as number;
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `The audit log ${file} has schema ${version} and this version of Toolgate knows ${SCHEMA_VERSION}: ` +
          'a newer version wrote it. Run that version, or use another data folder.',
      );
    }
    if (version === 0) createSchema(db, logId ?? newId('log'));
    const found = db.prepare('SELECT id FROM log').get()?.id as string;
    if (logId !== undefined && found !== logId) {
      throw new Error(`The audit log ${file} was replaced by another one (${found}, it was ${logId}).`);
    }
    return { db, logId: found };
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Opens the log for writing, or creates it. Only one process may do so (see writer-lock.ts).
 * `logId`: the log that it must be, when it was open before in this process.
 */
export function openWriterDatabase(file: string, expectedLogId?: string) {
  const { db, logId } = connect(file, expectedLogId);
  const inode = statSync(file).ino;
  const insertRecord = db.prepare('INSERT INTO records (seq, intent, hash, line) VALUES (?, ?, ?, ?)');
  const rows = Array(ROWS_AT_ONCE).fill('(?, ?, ?, ?)').join();
  const insertRecords = db.prepare(`INSERT INTO records (seq, intent, hash, line) VALUES ${rows}`);
  const insertCheckpoint = db.prepare('INSERT INTO checkpoints (number, seq, line) VALUES (?, ?, ?)');
  const insertBlock = db.prepare('INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?)');
  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');

  return {
    logId,

    tail(): ChainTail {
      const row = db.prepare('SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1').get();
      return row ? (row as unknown as ChainTail) : { seq: 0, hash: genesisHash(logId) };
    },

    /** The line of the last checkpoint. */
    lastCheckpoint(): string | null {
      const row = db.prepare('SELECT line FROM checkpoints ORDER BY number DESC LIMIT 1').get();
      return row ? (row.line as string) : null;
    },

    /** The stored hash of one record; null when it is not there. */
    hashAt(seq: number): string | null {
      const row = db.prepare('SELECT hash FROM records WHERE seq = ?').get(seq);
      return row ? (row.hash as string) : null;
    },

    /** Appends lines, which must be numbered on from `tail`, in the current transaction; returns the new tail. */
    append(tail: ChainTail, lines: readonly string[]): ChainTail {
      let { seq, hash } = tail;
      let values: SQLInputValue[] = [];
      for (const line of lines) {
        seq++;
        hash = linkHash(hash, line);
        values.push(seq, intentOf(line), hash, line);
        if (values.length < ROWS_AT_ONCE * 4) continue;
        insertRecords.run(...values);
        values = [];
      }
      for (let at = 0; at < values.length; at += 4) insertRecord.run(...values.slice(at, at + 4));
      return { seq, hash };
    },

    addCheckpoint(number: number, seq: number, line: string): void {
      insertCheckpoint.run(number, seq, line);
    },

    addBlock({ block, firstTime, lastTime, facets }: BlockSummary): void {
      insertBlock.run(block, firstTime, lastTime, new Uint8Array(facets.buffer, facets.byteOffset, facets.byteLength));
    },

    /** Runs `write` in one transaction. When this returns, what was written is on the disk. */
    transaction<T>(write: () => T): T {
      begin.run();
      try {
        const result = write();
        commit.run();
        return result;
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
    },

    /** False when the file was removed or replaced under us: we would be writing to where nobody can read it. */
    isInPlace(): boolean {
      try {
        return statSync(file).ino === inode;
      } catch {
        return false;
      }
    },

    close(): void {
      db.close();
    },
  };
}
