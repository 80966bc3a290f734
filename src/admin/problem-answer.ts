import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { escapeUnprintableJson } from '../audit/escape-unprintable.ts';
import { AppError } from '../errors/app-error.ts';
import { PROBLEM_CONTENT_TYPE, problemDetails } from '../http/problem-details.ts';
import { adminChallenge } from './authorize.ts';

/** What Fastify itself throws, by its code. Its texts name internals, so they are replaced. */
const FRAMEWORK_ERRORS: Readonly<Record<string, () => AppError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new AppError('body_too_large'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new AppError('unsupported_media_type'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new AppError('bad_request', 'The body is shorter or longer than its Content-Length says.'),
  FST_ERR_BAD_URL: () => new AppError('bad_request', 'The path has an escape that is not valid, such as `%zz`.'),
  FST_ERR_MAX_PARAM_LENGTH: () => new AppError('not_found'),
};

function toKnownError(error: FastifyError | Error): AppError {
  if (error instanceof AppError) return error;
  const { code = '', statusCode = 500 } = error as Partial<FastifyError>;
  const known = FRAMEWORK_ERRORS[code];
  if (known !== undefined) return known();
  // Of the client's making, but not foreseen here: the status is right, the text may not be fit to show.
  return statusCode >= 400 && statusCode < 500
    ? new AppError('bad_request', undefined, { cause: error })
    : new AppError('internal', undefined, { cause: error });
}

/** Where what an operator must know about a failed request goes. */
export interface FailureLog {
  error(fields: object, message: string): void;
}

function answer(error: AppError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemDetails(error, request.id);
  if (problem.status === 401) reply.header('www-authenticate', adminChallenge(error));
  if (problem.status === 503) reply.header('retry-after', '5');
  void reply
    .code(problem.status)
    .type(PROBLEM_CONTENT_TYPE)
    .send(escapeUnprintableJson(JSON.stringify(problem)));
}

/** Answers with the problem document (RFC 9457) of whatever was thrown; the cause of what is our fault goes to the log. */
export function createErrorHandler(log: FailureLog) {
  return (thrown: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): void => {
    const error = toKnownError(thrown);
    if (error.status >= 500) {
      log.error({ requestId: request.id, code: error.code, err: error.cause ?? error }, 'admin request failed');
    }
    answer(error, request, reply);
  };
}

/** For Fastify's `frameworkErrors`: requests that reach no route because their URL cannot be read. */
export function answerUnreadableUrl(thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  answer(toKnownError(thrown), request, reply);
}
