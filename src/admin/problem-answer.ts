import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { escapeUnprintableJson } from '../audit/escape-unprintable.ts';
import type { AppError } from '../errors/app-error.ts';
import { toKnownError } from '../http/known-error.ts';
import { PROBLEM_CONTENT_TYPE, problemDetails } from '../http/problem-details.ts';
import { adminChallenge } from './authorize.ts';

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
