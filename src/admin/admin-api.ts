import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { escapeUnprintableJson } from '../audit/escape-unprintable.ts';
import { AppError } from '../errors/app-error.ts';
import { checkDuplicateHeaders } from '../http/duplicate-headers.ts';
import type { Caller } from '../model/principal.ts';
import type { AdminContext } from './admin-context.ts';
import { recordRefusal } from './audited.ts';
import { authenticate, requireAdmin } from './authorize.ts';
import { createIdempotency } from './idempotency.ts';
import { ADMIN_ROUTES } from './openapi.ts';
import { answerUnreadableUrl, createErrorHandler } from './problem-answer.ts';
import { readJson } from './read-json.ts';
import { type Answer, isStream, methodsAt, type Route, type StreamAnswer } from './routes.ts';
import { runRoute } from './run-route.ts';

const BODY_LIMIT = 1024 * 1024;

/** Longer path parameters name nothing; Fastify would answer them itself, before anybody is asked for a credential. */
const MAX_PARAMETER = 16 * 1024;

/**
 * For the Fastify server that the API is mounted on: what concerns requests that reach no route. Path parameters may be
 * long enough for the API's own 404, and unreadable URLs get a problem document.
 */
export const ADMIN_SERVER_OPTIONS = {
  routerOptions: { maxParamLength: MAX_PARAMETER },
  frameworkErrors: answerUnreadableUrl,
} as const;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Absent (an unknown path): as closed as everything else. */
    access?: Route['access'];
  }
}

/**
 * The REST API; mount it at `/api/v1`. Nothing below that path, known or not, answers without a valid credential, and
 * what a route does not open to anybody is for owners and admins.
 */
export function createAdminApi(context: AdminContext): FastifyPluginAsync {
  const idempotency = createIdempotency(context.db);
  /** Set by the first hook, for every request that passes it. */
  const callers = new WeakMap<FastifyRequest, Caller>();

  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-request-id': request.id });
    const refusal = checkDuplicateHeaders(request.raw.rawHeaders) ?? context.checkOrigin(request.raw);
    if (refusal !== null) throw refusal;
    const caller = await authenticate(context, request.raw);
    const { access } = request.routeOptions.config;
    try {
      if (access !== 'anybody') requireAdmin(caller);
    } catch (error) {
      const who = { context, caller, requestId: request.id, address: context.addressOf(request.raw) };
      const target = `${request.method} ${request.routeOptions.url ?? 'unknown path'}`;
      if (error instanceof AppError) recordRefusal(who, target, error);
      throw error;
    }
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') throw new AppError('unsupported_media_type');
    callers.set(request, caller);
  }

  return async function adminApi(app) {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: FastifyRequest, bytes: Buffer) =>
      readJson(bytes),
    );
    app.addHook('onRequest', admit);
    app.setErrorHandler(createErrorHandler(context.log));
    app.setNotFoundHandler((request, reply) => refuseUnknown(app, request, reply));
    for (const route of ADMIN_ROUTES) {
      app.route({
        method: route.method,
        url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
        bodyLimit: route.bodyLimit ?? BODY_LIMIT,
        exposeHeadRoute: route.answer.mediaType === undefined,
        config: { access: route.access },
        handler: async (request, reply) => {
          const caller = callers.get(request);
          if (caller === undefined) throw new Error('A request reached its handler without a caller');
          return send(route, reply, await runRoute(route, request, { context, idempotency, caller }));
        },
      });
    }
  };
}

function send(route: Route, reply: FastifyReply, answer: (Answer & { replayed?: true }) | StreamAnswer): FastifyReply {
  if (isStream(answer)) {
    reply.type(route.answer.mediaType ?? 'application/octet-stream');
    reply.header('content-disposition', `attachment; filename="${answer.fileName}"`);
    return reply.code(route.answer.status).send(answer.stream);
  }
  const { status = route.answer.status, body, etag, replayed } = answer;
  if (etag !== undefined) reply.header('etag', etag);
  if (replayed) reply.header('idempotency-replayed', 'true');
  if (body === undefined) return reply.code(204).send();
  return reply
    .code(status)
    .type('application/json')
    .send(escapeUnprintableJson(JSON.stringify(body)));
}

/** A path that no route has, or one that routes have for other methods. The caller is known and may administer. */
function refuseUnknown(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.replace(/\?.*$/s, '').slice(app.prefix.length);
  const methods = methodsAt(ADMIN_ROUTES, path);
  if (methods.length === 0) throw new AppError('not_found', 'There is nothing at this path.');
  reply.header('allow', methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', '));
  throw new AppError('method_not_allowed');
}
