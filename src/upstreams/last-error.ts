import type { AppError } from '../errors/app-error.ts';

/** What went wrong with an upstream, as `upstream list` shows it. */
export interface LastError {
  readonly code: string;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The error as one of now. */
export function lastErrorOf({ code, message }: AppError): LastError {
  return { code, message, at: Date.now() };
}
