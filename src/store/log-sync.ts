import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

export interface LogSync {
  /** Resolves when all that was committed before the call is on the disk. One sync serves all who wait for it. */
  synced(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Makes commits durable that SQLite only wrote (`synchronous = NORMAL`): a commit in write-ahead mode is a few frames at the
 * end of the log, so it is durable once the log is synced; before the log is reused, SQLite syncs it itself. A commit that
 * is not synced yet survives the end of this process, for it is in the page cache, and can be lost with the machine.
 *
 * The log has its file for as long as the database is open. It holds none of the POSIX locks that closing a file would let go
 * of (those are on the database and its -shm), so this file may be opened beside SQLite's own.
 *
 * After a sync that failed nobody can know what is on the disk, and the next one may claim success (PostgreSQL's “fsyncgate”,
 * 2018). So all later ones fail as well, until a start that reads what there is.
 */
export function createLogSync(log: string): LogSync {
  let file: FileHandle | undefined;
  let broken: Error | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function run(): Promise<void> {
    if (broken !== undefined) throw broken;
    file ??= await openLog(log);
    try {
      await file?.datasync();
    } catch (error) {
      broken = new Error('The disk did not take what was written to the database. Look at the disk, then restart.', {
        cause: error,
      });
      throw broken;
    }
  }

  function begin(): Promise<void> {
    next = undefined;
    const begun = run().finally(() => {
      if (running === begun) running = undefined;
    });
    running = begun;
    return begun;
  }

  return {
    synced() {
      if (running === undefined) return begin();
      // The one that runs may have begun before the commit.
      next ??= running.then(begin, begin);
      return next;
    },
    async close() {
      await (next ?? running)?.catch(() => {});
      await file?.close();
    },
  };
}

/** Undefined while nothing was ever written to it. */
async function openLog(log: string): Promise<FileHandle | undefined> {
  try {
    return await open(log, constants.O_RDWR);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
