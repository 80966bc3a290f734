import type { AppError } from '../errors/app-error.ts';
import { CATALOG, type ErrorCode } from '../errors/catalog.ts';
import { errorPagePath, restStatus } from './error-page.ts';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** RFC 9457 §3.1, with `code`, `remedy` and `requestId` as extension members (§3.2). */
export interface ProblemDetails {
  /** A path on the gateway that answered. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly requestId: string;
  readonly [extension: string]: unknown;
}

/** The problem document of an error. Members of `error.data` are added, but never replace one of the standard ones. */
export function problemDetails(error: AppError, requestId: string): ProblemDetails {
  const { title, remedy } = CATALOG[error.code];
  return {
    ...error.data,
    type: errorPagePath(error.code),
    title,
    status: restStatus(error.code),
    detail: error.message,
    code: error.code,
    remedy,
    requestId,
  };
}
