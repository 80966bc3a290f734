import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../errors/app-error.ts';

const PAUSES_MS = [20, 100, 400];

/**
 * Tries work on the database again when it fails: another process may have held it for too long (SQLITE_BUSY). Only for
 * what may be done twice. An AppError is an answer, and stays one.
 */
export async function persist<T>(work: () => Promise<T>): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof AppError) throw error;
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }
  return work();
}
