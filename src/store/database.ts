import { chmodSync, closeSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { createDatabase } from './create-database.ts';
import { createLogSync } from './log-sync.ts';
import { sqliteDialect } from './sqlite-dialect.ts';
import type { Database } from './tables.ts';

export type { Database } from './tables.ts';

/** How long a query waits for another process (it blocks the event loop: the driver is synchronous). */
const BUSY_TIMEOUT_MS = 2000;

/**
 * Opens the SQLite database, creating the file (mode 0600) and its folder (0700) when they are missing; `:memory:` gives
 * a private one. Close it with `db.destroy()`. Throws an Error for the operator when the file cannot be used.
 *
 * Safe against crashes and power loss: a write-ahead log, and no write is answered before that is synced. The sync does not
 * hold up the event loop.
 */
export async function openDatabase({ file }: { file: string }): Promise<Database> {
  let connection: DatabaseSync | undefined;
  try {
    if (file !== ':memory:') createPrivately(file);
    connection = new DatabaseSync(file, {
      timeout: BUSY_TIMEOUT_MS,
      enableForeignKeyConstraints: true,
      defensive: true,
    });
    connection.exec('PRAGMA journal_mode = WAL');
    // Commits are written at once and made durable by LogSync, before they are answered.
    connection.exec('PRAGMA synchronous = NORMAL');
    // What a tampered schema could call stays limited; the log does not stay large after a burst.
    connection.exec('PRAGMA trusted_schema = OFF');
    connection.exec('PRAGMA journal_size_limit = 16777216');
    const db = createDatabase(sqliteDialect(connection, file === ':memory:' ? null : createLogSync(`${file}-wal`)));
    // Kysely closes only what it has used once.
    await sql`select 1`.execute(db);
    return db;
  } catch (error) {
    if (connection?.isOpen) connection.close();
    throw new Error(`The database ${file} cannot be opened: ${adviceFor(error)}`, { cause: error });
  }
}

/** SQLite gives its -wal and -shm files the mode of the database file. */
function createPrivately(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const descriptor = openSync(file, 'a', 0o600);
  try {
    if ((fstatSync(descriptor).mode & 0o077) !== 0) chmodSync(file, 0o600);
  } finally {
    closeSync(descriptor);
  }
}

function adviceFor(error: unknown): string {
  const { code, errcode, message } = error as Error & { code?: string; errcode?: number };
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return `${message}. Give the user that runs Toolgate read and write access to the file and its folder.`;
  }
  switch ((errcode ?? 0) & 0xff) {
    case 5: // SQLITE_BUSY
      return `another process holds it (${message}). Stop the other Toolgate, or use another data folder.`;
    case 11: // SQLITE_CORRUPT
    case 26: // SQLITE_NOTADB
      return `it is damaged or no Toolgate database (${message}). Restore it from a backup, or use another data folder.`;
    default:
      return message;
  }
}
