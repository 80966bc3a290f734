import type { FastifyInstance } from 'fastify';
import { acceptForms } from '../identity/form-body.ts';
import { DEFAULT_TENANT } from '../model/principal.ts';
import { answerConnectError } from './answer-connect-error.ts';
import { clientDocument } from './client-document.ts';
import { CLIENT_DOCUMENT_PATH, type ConnectContext, type ConnectOptions } from './connect-context.ts';
import { callbackRoute } from './routes/callback.ts';
import { connectRoutes, createConnectPage } from './routes/connect.ts';
import { disconnectRoute } from './routes/disconnect.ts';
import { myConnectionsRoute } from './routes/my-connections.ts';

const DOCUMENT_SECONDS = 3600;

/** The pages below `/connect`, where people connect their accounts at upstreams: a Fastify plugin. */
export function createConnectRoutes(options: ConnectOptions): (fastify: FastifyInstance) => Promise<void> {
  const context: ConnectContext = {
    ...options,
    tenantId: options.tenantId ?? DEFAULT_TENANT,
    now: options.now ?? Date.now,
  };
  return async (fastify) => {
    acceptForms(fastify);
    fastify.setErrorHandler(answerConnectError(context));
    // Read by providers, not by people, and the same for everybody.
    fastify.get(CLIENT_DOCUMENT_PATH, async (_request, reply) =>
      reply
        .header('cache-control', `public, max-age=${DOCUMENT_SECONDS}`)
        .header('x-content-type-options', 'nosniff')
        .send(clientDocument(context.publicUrl())),
    );
    myConnectionsRoute(fastify, context);
    const page = createConnectPage(context);
    callbackRoute(fastify, context, page);
    connectRoutes(fastify, context, page);
    disconnectRoute(fastify, context);
  };
}
