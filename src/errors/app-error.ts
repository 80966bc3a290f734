import { CATALOG, type ErrorCode } from './catalog.ts';

/**
 * The one error type that reaches a caller. `message` is public: it says what was wrong and what to change, and holds no
 * secret, no path and no internal detail. Whatever an operator needs beyond it goes into `cause`, which is only logged.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  /** Extra public members of the JSON-RPC `error.data` or of the problem document. */
  readonly data: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, detail?: string, options: { cause?: unknown; data?: Record<string, unknown> } = {}) {
    super(detail ?? CATALOG[code].title, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.data = options.data;
  }

  get status(): number {
    return CATALOG[this.code].http;
  }
}

/** Wraps whatever was thrown: an AppError stays itself, anything else becomes `internal` with the original as its cause. */
export function toAppError(error: unknown): AppError {
  return error instanceof AppError ? error : new AppError('internal', undefined, { cause: error });
}
