import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../errors/app-error.ts';
import { CATALOG, type ErrorCode } from '../errors/catalog.ts';
import { toKnownError } from '../http/known-error.ts';
import { type ErrorPageView, errorPage } from '../http/pages/error-page.ts';
import { sendPage } from '../http/pages/send-page.ts';
import { ProviderFailure } from '../upstreams/oauth/provider/provider-failure.ts';
import { callbackUrl } from './callback-url.ts';
import { CALLBACK_PATH, CONNECTIONS_PATH, type ConnectContext, connectPath } from './connect-context.ts';

/** The catalog speaks to people who write programs; here somebody looks at a page. */
const WHAT_TO_DO: Partial<Record<ErrorCode, string>> = {
  admin_required: 'Ask an owner or administrator of this gateway to connect it.',
  connect_expired: 'Begin again, in one browser and within ten minutes.',
  connection_stopped: 'Ask an administrator of this gateway to look at it.',
  not_found:
    'It may have another name, be switched off, or not be open to you. “My connections” shows what you can connect.',
  upstream_unavailable: 'Try again in a minute. If it lasts, tell an administrator of this gateway.',
};

/** What can be tried once more at its own page. */
const RETRIED: ReadonlySet<ErrorCode> = new Set(['connect_expired', 'connect_failed', 'upstream_unavailable']);

/** Somebody is looking, so every error is a page. */
export function answerConnectError(context: ConnectContext) {
  return (thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = toKnownError(thrown);
    const cause = error.cause ?? error;
    if (error.code === 'internal') context.log.error({ requestId: request.id, err: cause }, 'connecting failed');
    else if (error.cause !== undefined) context.log.info({ requestId: request.id, err: cause }, 'connecting refused');
    const denied = error.cause instanceof ProviderFailure && error.cause.kind === 'denied';
    const view = { ...(denied ? declined(error) : failed(error)), code: error.code, requestId: request.id };
    const name = RETRIED.has(error.code) ? upstreamOf(context, request) : null;
    const again =
      name === null
        ? { href: CONNECTIONS_PATH, text: 'My connections' }
        : { href: connectPath(name), text: 'Begin again' };
    // The catalog says 200 where an MCP client gets the error in an answer.
    const status = denied ? 403 : error.status === 200 ? 409 : error.status;
    return sendPage(reply, errorPage({ ...view, again }), status);
  };
}

type Words = Pick<ErrorPageView, 'title' | 'detail' | 'whatToDo'>;

function failed(error: AppError): Words {
  const { title, remedy } = CATALOG[error.code];
  const detail = error.message === title ? 'Nothing was connected or changed.' : error.message;
  return { title, detail, whatToDo: WHAT_TO_DO[error.code] ?? remedy };
}

const declined = (error: AppError): Words => ({
  title: 'Nothing was connected',
  detail: error.message,
  whatToDo: 'If you want to connect it, begin again and agree there. Otherwise you can close this page.',
});

/** The upstream that a request is about, if it is one whose name can stand in a path. */
function upstreamOf({ connections, publicUrl }: ConnectContext, request: FastifyRequest): string | null {
  const { upstream } = request.params as { upstream?: string };
  const isCallback = request.url.split('?', 1)[0] === CALLBACK_PATH;
  const name = isCallback ? connections.upstreamOf(callbackUrl(publicUrl(), request)) : upstream;
  return name !== undefined && name !== null && /^[a-z0-9-]{1,32}$/.test(name) ? name : null;
}
