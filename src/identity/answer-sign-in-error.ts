import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { CATALOG } from '../errors/catalog.ts';
import { toKnownError } from '../http/known-error.ts';
import type { Logger } from '../http/logger.ts';
import { errorPage } from '../http/pages/error-page.ts';
import { sendPage } from '../http/pages/send-page.ts';

const TRY_AGAIN_SECONDS = 30;

/** Somebody is looking, so every error is a page. */
export function answerSignInError(log: Logger) {
  return (thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toKnownError(thrown);
    const cause = error.cause ?? error;
    if (error.status >= 500) log.error({ requestId: request.id, err: cause }, 'sign-in failed');
    else if (error.cause !== undefined) log.info({ requestId: request.id, err: cause }, 'sign-in refused');
    if (error.code === 'overloaded') reply.header('retry-after', TRY_AGAIN_SECONDS);
    const { title, remedy } = CATALOG[error.code];
    const page = errorPage({
      title,
      detail: error.message === title ? 'The sign-in was not completed.' : error.message,
      whatToDo: remedy,
      code: error.code,
      requestId: request.id,
      again: { href: '/sign-in', text: 'To the sign-in page' },
    });
    return sendPage(reply, page, error.status);
  };
}
