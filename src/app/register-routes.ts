import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { createAdminApi } from '../admin/admin-api.ts';
import { requireAdmin } from '../admin/authorize.ts';
import type { AppError } from '../errors/app-error.ts';
import { authenticate } from '../gateway/authenticate.ts';
import type { Metrics } from '../http/metrics.ts';
import { type AdminWiring, adminContext } from './admin-wiring.ts';
import { addServiceRoutes } from './service-routes.ts';

export interface RoutesWiring extends AdminWiring {
  readonly metrics: Metrics;
  readonly notReady: () => string[];
  readonly checkHeaders: (request: IncomingMessage) => AppError | null;
}

/** All that is served beside MCP. */
export async function registerRoutes(fastify: FastifyInstance, wiring: RoutesWiring): Promise<void> {
  const { metrics, notReady, checkHeaders, signIn, verifyKey, addressOf, config, log } = wiring;
  addServiceRoutes(fastify, {
    publicUrl: () => config().publicUrl,
    authorizationServers: signIn.authorizationServers,
    metrics,
    notReady,
    checkHeaders,
    async requireAdmin(request) {
      const use = { http: request, address: addressOf(request), resourcePath: request.url! };
      requireAdmin(await authenticate(use, (key, { address }) => verifyKey(key, address), null));
    },
    logError: (requestId, error) => log.error({ requestId, err: error.cause ?? error }, 'request failed'),
  });
  await fastify.register(signIn.routes);
  await fastify.register(createAdminApi(adminContext(wiring)), { prefix: '/api/v1' });
}
