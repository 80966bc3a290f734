import { DatabaseSync } from 'node:sqlite';

/**
 * Takes the right to write the log at `file`, for as long as this process lives. Two writers would fork the chain. The
 * lock is the exclusive lock of an (empty) SQLite database beside it, which the operating system drops when the process
 * ends in whatever way, so there is never a stale one. Not reliable on network file systems, like SQLite itself.
 * @throws Error when another process has it.
 */
export function takeWriterLock(file: string): { release(): void } {
  const db = new DatabaseSync(`${file}.lock`, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    db.close();
    throw new Error(
      `Another process is writing the audit log ${file}. Stop the other gateway, or use another data folder.`,
      { cause },
    );
  }
  return { release: () => db.close() };
}
