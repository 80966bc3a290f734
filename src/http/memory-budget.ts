import type { ServerResponse } from 'node:http';
import { AppError } from '../errors/app-error.ts';

/** What larger requests take in memory, so that what does not fit is turned away before it is read, and not the end of all. */
export interface MemoryBudget {
  /**
   * Takes bytes for the request with this answer, until the answer is over and everybody let go of it.
   * Throws `overloaded` when others have them, `body_too_large` when there would never be enough.
   */
  reserve(res: ServerResponse, bytes: number): void;
  /** Keeps what the request has beyond the end of its answer, too, until the returned function is called. */
  hold(res: ServerResponse): () => void;
  /** Bytes taken. */
  readonly taken: number;
}

interface Reservation {
  bytes: number;
  holders: number;
}

const nothing = (): void => {};

export function createMemoryBudget(total: number): MemoryBudget {
  const reservations = new Map<ServerResponse, Reservation>();
  let taken = 0;
  const release = (res: ServerResponse): void => {
    const reservation = reservations.get(res);
    if (reservation === undefined || --reservation.holders > 0) return;
    reservations.delete(res);
    taken -= reservation.bytes;
  };
  return {
    reserve(res, bytes) {
      // Its client has gone; so will the request.
      if (res.closed) return;
      const reservation = reservations.get(res) ?? { bytes: 0, holders: 0 };
      if (reservation.bytes + bytes > total) {
        throw new AppError('body_too_large', 'The gateway has too little memory for a body with so many values.');
      }
      if (taken + bytes > total) throw new AppError('overloaded');
      if (reservation.holders === 0) {
        reservation.holders = 1;
        reservations.set(res, reservation);
        res.once('close', () => release(res));
      }
      reservation.bytes += bytes;
      taken += bytes;
    },
    hold(res) {
      const reservation = reservations.get(res);
      if (reservation === undefined) return nothing;
      reservation.holders++;
      return () => release(res);
    },
    get taken() {
      return taken;
    },
  };
}
