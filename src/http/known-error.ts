import type { FastifyError } from 'fastify';
import { AppError } from '../errors/app-error.ts';

/** What Fastify itself throws, by its code. Its texts name internals, so they are replaced. */
const FRAMEWORK_ERRORS: Readonly<Record<string, () => AppError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new AppError('body_too_large'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new AppError('unsupported_media_type'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    new AppError('bad_request', 'The body is shorter or longer than its Content-Length says.'),
  FST_ERR_BAD_URL: () => new AppError('bad_request', 'The path has an escape that is not valid, such as `%zz`.'),
  FST_ERR_MAX_PARAM_LENGTH: () => new AppError('not_found'),
};

/** Whatever a route threw, as what the client is told. What it did wrong itself is no failure of the gateway. */
export function toKnownError(error: FastifyError | Error): AppError {
  if (error instanceof AppError) return error;
  const { code = '', statusCode = 500 } = error as Partial<FastifyError>;
  const known = FRAMEWORK_ERRORS[code];
  if (known !== undefined) return known();
  // Of the client's making, but not foreseen here: the status is right, the text may not be fit to show.
  return statusCode >= 400 && statusCode < 500
    ? new AppError('bad_request', undefined, { cause: error })
    : new AppError('internal', undefined, { cause: error });
}
