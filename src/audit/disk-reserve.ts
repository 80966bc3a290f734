import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs';

/** Enough for the outcomes of several thousand calls that are under way when the disk fills up. */
const RESERVE_BYTES = 4 * 1024 * 1024;

/**
 * A file that takes up space beside the log, to be given back when the disk is full: the calls that are under way then
 * can still be recorded, while new ones are refused. Anybody else who writes to the same disk can take the space first.
 */
export function createDiskReserve(file: string) {
  const exists = (): boolean => {
    try {
      return statSync(file).size === RESERVE_BYTES;
    } catch {
      return false;
    }
  };

  function create(): void {
    const handle = openSync(file, 'w', 0o600);
    try {
      // Not zeros: some file systems would not store them.
      const chunk = Buffer.alloc(64 * 1024, 0xa5);
      for (let written = 0; written < RESERVE_BYTES; ) {
        written += writeSync(handle, chunk, 0, Math.min(chunk.length, RESERVE_BYTES - written));
      }
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
  }

  /** Gives the space back. False when there was none to give. */
  function release(): boolean {
    const had = exists();
    rmSync(file, { force: true });
    return had;
  }

  /** True when the reserve is there, or could be made. */
  function ensure(): boolean {
    if (exists()) return true;
    try {
      create();
      return true;
    } catch {
      // The space that was got so far is needed for records.
      rmSync(file, { force: true });
      return false;
    }
  }

  return { ensure, release };
}
