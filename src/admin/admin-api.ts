import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { escapeUnprintableJson } from '../audit/escape-unprintable.ts';
import { AppError } from '../errors/app-error.ts';
import { checkDuplicateHeaders } from '../http/duplicate-headers.ts';
import type { Caller } from '../model/principal.ts';
import type { AdminContext } from './admin-context.ts';
import { recordRefusal } from './audited.ts';
import { authenticate, requireAdmin } from './authorize.ts';
import { type FoundRoute, findRoute, methodsAt } from './find-route.ts';
import { createIdempotency } from './idempotency.ts';
import { answerUnreadableUrl, createErrorHandler } from './problem-answer.ts';
import { readJson } from './read-json.ts';
import { type Answer, isStream, type Route, type StreamAnswer } from './routes.ts';

const BODY_LIMIT = 1024 * 1024;
/** The one route that takes more: a whole document. */
const STATE_PATH = '/state/apply';
const STATE_BODY_LIMIT = 8 * 1024 * 1024;

/** Longer paths name nothing; Fastify would answer them itself, before anybody is asked for a credential. */
const MAX_PATH = 32 * 1024;

/** For the Fastify server that the API is mounted on: what concerns requests that reach no route of it. */
export const ADMIN_SERVER_OPTIONS = {
  routerOptions: { maxParamLength: MAX_PATH },
  frameworkErrors: answerUnreadableUrl,
} as const;

/** A request that was let in. */
interface Admitted {
  readonly caller: Caller;
  /** Null for a path or method that does not exist. */
  readonly found: FoundRoute | null;
}

/** With their schemas the routes take a tenth of a second to load: too much for every start, and only callers need them. */
const loadRoutes = async () => {
  const [{ ADMIN_ROUTES }, { runRoute }] = await Promise.all([import('./openapi.ts'), import('./run-route.ts')]);
  return { ADMIN_ROUTES, runRoute };
};

/**
 * The REST API; mount it at `/api/v1`. Nothing below that path, known or not, answers without a valid credential, and
 * what a route does not open to anybody is for owners and admins.
 */
export function createAdminApi(context: AdminContext): FastifyPluginAsync {
  const idempotency = createIdempotency(context.db);
  const admitted = new WeakMap<FastifyRequest, Admitted>();
  let loading: ReturnType<typeof loadRoutes> | undefined;
  const routes = () => {
    loading ??= loadRoutes();
    return loading;
  };

  async function identify(request: FastifyRequest): Promise<Caller> {
    try {
      return await authenticate(context, request.raw);
    } catch (error) {
      if (error instanceof AppError && error.code !== 'credential_missing') {
        const target = `${request.method} /api/v1`;
        context.recordRefusal?.(request.id, context.addressOf(request.raw), target, error);
      }
      throw error;
    }
  }

  async function admit(prefix: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'x-request-id': request.id });
    const refusal = checkDuplicateHeaders(request.raw.rawHeaders) ?? context.checkOrigin(request.raw);
    if (refusal !== null) throw refusal;
    const caller = await identify(request);
    const { ADMIN_ROUTES } = await routes();
    const found = findRoute(ADMIN_ROUTES, request.method, pathOf(prefix, request));
    try {
      if (found?.route.access !== 'anybody') requireAdmin(caller);
    } catch (error) {
      const who = { context, caller, requestId: request.id, address: context.addressOf(request.raw) };
      const target = `${request.method} ${found?.route.path ?? 'unknown path'}`;
      if (error instanceof AppError) recordRefusal(who, target, error);
      throw error;
    }
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') throw new AppError('unsupported_media_type');
    admitted.set(request, { caller, found });
  }

  return async function adminApi(app) {
    const handle = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const { caller, found } = admittedOrThrow(admitted, request);
      const { ADMIN_ROUTES, runRoute } = await routes();
      if (found === null) return refuseUnknown(methodsAt(ADMIN_ROUTES, pathOf(app.prefix, request)), reply);
      return send(found.route, reply, await runRoute(found, request, { context, idempotency, caller }));
    };
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: FastifyRequest, bytes: Buffer) =>
      readJson(bytes),
    );
    app.addHook('onRequest', (request, reply) => admit(app.prefix, request, reply));
    app.setErrorHandler(createErrorHandler(context.log));
    // Methods that Fastify does not know arrive here.
    app.setNotFoundHandler(handle);
    app.all('/', { bodyLimit: BODY_LIMIT }, handle);
    app.all('/*', { bodyLimit: BODY_LIMIT }, handle);
    app.post(STATE_PATH, { bodyLimit: STATE_BODY_LIMIT }, handle);
  };
}

const pathOf = (prefix: string, { url }: FastifyRequest): string => url.replace(/\?.*$/s, '').slice(prefix.length);

function admittedOrThrow(admitted: WeakMap<FastifyRequest, Admitted>, request: FastifyRequest): Admitted {
  const found = admitted.get(request);
  if (found === undefined) throw new Error('A request reached its handler without having been let in');
  return found;
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

/** A path that no route has, or one that routes have for other methods. */
function refuseUnknown(methods: readonly string[], reply: FastifyReply): never {
  if (methods.length === 0) throw new AppError('not_found', 'There is nothing at this path.');
  reply.header('allow', methods.join(', '));
  throw new AppError('method_not_allowed');
}
