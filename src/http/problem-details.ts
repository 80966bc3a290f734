import type { AppError } from '../errors/app-error.ts';
import { CATALOG, type ErrorCode } from '../errors/catalog.ts';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** The published copy of docs/errors.md, which has one anchor for each code. */
const ERROR_PAGE = 'https://toolgate.dev/errors';

/** RFC 9457 §3.1, with `code`, `remedy` and `requestId` as extension members (§3.2). */
export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly requestId: string;
  readonly [extension: string]: unknown;
}

/** The catalog says 200 where JSON-RPC carries the error in a successful HTTP answer; a REST API has no such envelope. */
const REST_STATUS: Partial<Record<ErrorCode, number>> = {
  forbidden: 403,
  invalid_params: 400,
  upstream_credential_missing: 409,
};

/**
 * The problem document of an error. Members of `error.data` are added, but never replace one of the standard ones.
 *
 * @param errorPage what `type` is built from: `{errorPage}#{code}`.
 */
export function problemDetails(error: AppError, requestId: string, errorPage: string = ERROR_PAGE): ProblemDetails {
  const { title, remedy, http } = CATALOG[error.code];
  return {
    ...error.data,
    type: `${errorPage}#${error.code}`,
    title,
    status: REST_STATUS[error.code] ?? http,
    detail: error.message,
    code: error.code,
    remedy,
    requestId,
  };
}
