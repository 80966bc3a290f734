import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { takeWriterLock } from '../audit/writer-lock.ts';

/** Whether a gateway was started on this data folder before. */
export async function isDataFolder(dataDir: string): Promise<boolean> {
  return access(join(dataDir, 'toolgate.db')).then(
    () => true,
    () => false,
  );
}

/**
 * Whether a process uses the data folder now. Every process that writes there holds the lock of the audit log, so trying
 * to take it tells. Throws when the folder cannot be written.
 */
export function isInUse(dataDir: string): boolean {
  try {
    takeWriterLock(join(dataDir, 'audit.db')).release();
    return false;
  } catch (error) {
    // SQLITE_BUSY; see takeWriterLock, which says what it caught.
    if (((error as Error).cause as { errcode?: number } | undefined)?.errcode === 5) return true;
    throw error;
  }
}
