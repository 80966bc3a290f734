import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.ts';
import { errorPage } from '../http/error-page.ts';
import { toKnownError } from '../http/known-error.ts';
import type { Metrics } from '../http/metrics.ts';
import { PROBLEM_CONTENT_TYPE, problemDetails } from '../http/problem-details.ts';
import { protectedResourceMetadata, resourcePathOf } from '../http/protected-resource-metadata.ts';

export interface ServiceRouteOptions {
  readonly publicUrl: () => string;
  /** Issuers whose tokens open the resource at this path. */
  readonly authorizationServers: (resourcePath: string) => readonly string[];
  readonly metrics: Metrics;
  /** Names what keeps the gateway from serving; empty when it is ready. */
  readonly notReady: () => string[];
  readonly checkHeaders: (request: FastifyRequest['raw']) => AppError | null;
  /** Throws unless the request carries an administrator's key. */
  readonly requireAdmin: (request: FastifyRequest['raw']) => Promise<void>;
  readonly logError: (requestId: string, error: AppError) => void;
}

const HEALTH = new Set(['/healthz', '/readyz']);

/** What is served beside MCP and the admin API: health, metrics, pages about errors, and the metadata that OAuth clients look for. */
export function addServiceRoutes(fastify: FastifyInstance, options: ServiceRouteOptions): void {
  fastify.addHook('onRequest', async (request) => {
    // Probes use the address of the machine as Host; what health says is the same for everybody.
    if (HEALTH.has(request.url)) return;
    const refused = options.checkHeaders(request.raw);
    if (refused !== null) throw refused;
  });
  fastify.setNotFoundHandler(() => {
    throw new AppError('not_found');
  });
  fastify.setErrorHandler((thrown, request, reply) => {
    const error = toKnownError(thrown as Error);
    if (error.code === 'internal') options.logError(request.id, error);
    return reply.status(error.status).type(PROBLEM_CONTENT_TYPE).send(problemDetails(error, request.id));
  });

  // Health says nothing but yes or no to strangers.
  fastify.get('/healthz', async () => ({ status: 'ok' }));
  fastify.get('/readyz', async (_request, reply) => {
    const ready = options.notReady().length === 0;
    return reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  });
  fastify.get<{ Params: { code: string } }>('/errors/:code', async ({ params }) => {
    const page = errorPage(params.code);
    if (page === null) throw new AppError('not_found');
    return page;
  });
  fastify.get('/metrics', async (request, reply) => {
    await options.requireAdmin(request.raw);
    return reply.type(options.metrics.contentType).send(await options.metrics.render());
  });
  for (const path of ['/.well-known/oauth-protected-resource', '/.well-known/oauth-protected-resource/*']) {
    fastify.get(path, async (request, reply) => {
      const resourcePath = resourcePathOf(request.url.split('?')[0]!);
      if (resourcePath === null) throw new AppError('not_found');
      // Browser-based clients read it from their own origin; it holds nothing secret (RFC 9728 §3.1).
      return reply
        .header('access-control-allow-origin', '*')
        .send(protectedResourceMetadata(options.publicUrl(), resourcePath, options.authorizationServers(resourcePath)));
    });
  }
}
