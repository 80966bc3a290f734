import type { AddressInfo } from 'node:net';
import { fastify as createFastify, type FastifyInstance } from 'fastify';
import { assetRoutes } from '../../src/http/pages/assets.ts';
import type { Html } from '../../src/http/pages/html.ts';
import { sendPage } from '../../src/http/pages/send-page.ts';

export interface PageServer extends AsyncDisposable {
  /** `http://127.0.0.1:{port}`. */
  readonly origin: string;
}

/** Serves pages at `/{name}` on loopback, with the assets and headers that the gateway gives them. */
export async function servePages(
  pages: Readonly<Record<string, () => Html>>,
  addRoutes: (fastify: FastifyInstance) => void = () => {},
): Promise<PageServer> {
  const fastify = createFastify();
  assetRoutes(fastify);
  fastify.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  for (const [name, page] of Object.entries(pages)) {
    fastify.get(`/${name}`, (_request, reply) => sendPage(reply, page()));
  }
  addRoutes(fastify);
  await fastify.listen({ host: '127.0.0.1', port: 0 });
  return {
    origin: `http://127.0.0.1:${(fastify.server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      fastify.server.closeAllConnections();
      await fastify.close();
    },
  };
}
