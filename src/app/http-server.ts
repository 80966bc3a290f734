import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { fastify as createFastify, type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { Config } from '../config/config.ts';
import { isMcpPath } from '../gateway/mount.ts';
import { limitConnections } from '../http/connection-limit.ts';
import { compileCidrs } from '../lib/cidr.ts';

// An `import` of its names evaluates every getter of the module, among them those that load Node's own copy of undici
// (fetch, WebSocket), which nobody here uses: 25 ms of the start and 16 MB.
const { createServer } = process.getBuiltinModule('node:http');

const KEEP_ALIVE_MS = 65_000;

/**
 * Routes check what they are sent and write what they answer themselves; none has a schema of Fastify's. Without these,
 * Fastify loads its compilers for such schemas at every start: 120 files.
 */
const NO_SCHEMA_COMPILERS = {
  compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas },
} as const;

function refuseSchemas(): never {
  throw new Error('Routes have no Fastify schemas.');
}

export interface HttpServer {
  readonly server: Server;
  readonly fastify: FastifyInstance;
  /** Whether anybody is. */
  isConnected(): Promise<boolean>;
  /** Every answer that begins from now on is the last one on its connection. Requests are served as before. */
  announceEnd(): void;
  /** Resolves when no request is without its whole answer, or after `graceMs`. */
  answered(graceMs: number): Promise<void>;
}

/** One listener: MCP paths go straight to the gateway, everything else to Fastify. */
export function createHttpServer(
  config: Config,
  handleMcp: (request: IncomingMessage, response: ServerResponse) => void,
  fastifyOptions: FastifyServerOptions,
): HttpServer {
  let server!: Server;
  let open = 0;
  let ending = false;
  let onAnswered: (() => void) | undefined;
  const fastify = createFastify({
    ...fastifyOptions,
    schemaController: NO_SCHEMA_COMPILERS,
    serverFactory(handler) {
      server = createServer(
        {
          headersTimeout: config.limits.headerTimeoutMs,
          // Node checks both on this interval, so a slow client is ended at most this much later.
          connectionsCheckingInterval: Math.min(5_000, config.limits.headerTimeoutMs),
          requestTimeout: config.limits.requestTimeoutMs,
          keepAliveTimeout: KEEP_ALIVE_MS,
          maxHeaderSize: 32 * 1024,
        },
        (request, response) => {
          open++;
          response.on('close', () => {
            if (--open === 0) onAnswered?.();
          });
          if (ending) response.setHeader('connection', 'close');
          if (isMcpPath(request.url!)) handleMcp(request, response);
          else handler(request, response);
        },
      );
      return server;
    },
  });
  limitConnections(server, config.limits.connectionsPerAddress, compileCidrs(config.trustedProxies));
  return {
    server,
    fastify,
    isConnected: () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count > 0))),
    announceEnd() {
      ending = true;
    },
    answered(graceMs) {
      if (open === 0) return Promise.resolve();
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        onAnswered = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };
}

/** Rejects with an Error for the operator when the address cannot be listened on. */
export function listen({ server, fastify }: HttpServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void =>
      reject(new Error(adviceFor(error, host, port), { cause: error }));
    server.once('error', refuse);
    fastify.ready().then(() => {
      server.listen(port, host, () => {
        server.off('error', refuse);
        resolve();
      });
    }, reject);
  });
}

function adviceFor(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is in use. Stop what listens there, or choose another port with --port or TOOLGATE_LISTEN_PORT.`;
    case 'EACCES':
      return `Port ${port} may not be opened by this user. Choose a port above 1023 with --port.`;
    case 'EADDRNOTAVAIL':
      return `${host} is not an address of this machine. Choose another with --host.`;
    default:
      return `Cannot listen on ${host}:${port}: ${error.message}`;
  }
}
