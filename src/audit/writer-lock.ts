import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

const SQLITE_BUSY = 5;

/**
 * Takes the right to write the log at `file`, for as long as this process lives. Two writers would fork the chain. The
 * lock is the exclusive lock of an (empty) SQLite database beside it, which the operating system drops when the process
 * ends in whatever way, so there is never a stale one. Not reliable on network file systems, like SQLite itself.
 * @throws Error when another process has it (the `cause` has the `errcode` 5, SQLITE_BUSY) or the folder cannot be written.
 */
export function takeWriterLock(file: string): { release(): void } {
  let db: DatabaseSync | undefined;
  try {
    createPrivately(`${file}.lock`);
    db = new DatabaseSync(`${file}.lock`, { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db?.close();
    const { errcode, message } = cause as { errcode?: number; message: string };
    const text =
      errcode === SQLITE_BUSY
        ? `Another process is writing the audit log ${file}. Stop the other gateway, or use another data folder.`
        : `The audit log ${file} cannot be opened: ${message}. Check the data folder.`;
    throw new Error(text, { cause });
  }
  const held = db;
  return { release: () => held.close() };
}

/** Whoever could read it could lock the gateway out. An existing one is not opened: closing it again would drop a lock. */
function createPrivately(file: string): void {
  try {
    closeSync(openSync(file, 'ax', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
