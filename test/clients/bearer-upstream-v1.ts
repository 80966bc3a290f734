import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import {
  getOAuthProtectedResourceMetadataUrl,
  mcpAuthMetadataRouter,
} from '@modelcontextprotocol/sdk/server/auth/router.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { OAuthMetadata } from '@modelcontextprotocol/sdk/shared/auth.js';
import type { BearerUpstream, BearerUpstreamOptions } from '../bearer-upstream.ts';
import { createBearerGuard, DEFAULT_SCOPES, DEFAULT_WRITE_SCOPE } from './bearer-guard.ts';

type ExpressRequest = IncomingMessage & { readonly body?: { readonly method?: string; readonly params?: object } };

/** `@modelcontextprotocol/sdk` 1.x: Express, `mcpAuthMetadataRouter`, `requireBearerAuth`, one transport per session. */
export async function start(options: BearerUpstreamOptions): Promise<BearerUpstream> {
  const { requiredScopes = DEFAULT_SCOPES, writeScope = DEFAULT_WRITE_SCOPE } = options;
  const guard = createBearerGuard(options, InvalidTokenError);
  const app = createMcpExpressApp();
  const server = createServer(app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);

  app.use(
    mcpAuthMetadataRouter({
      oauthMetadata: options.metadata as OAuthMetadata,
      resourceServerUrl: url,
      scopesSupported: [...(options.scopesSupported ?? requiredScopes)],
    }),
  );
  const authFor = (scopes: readonly string[]) =>
    requireBearerAuth({
      verifier: guard.verifierFor(url),
      requiredScopes: [...scopes],
      resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
      expectedResource: url,
    });
  const plain = authFor(requiredScopes);
  const writing = authFor([...requiredScopes, writeScope]);
  const isWrite = ({ body }: ExpressRequest) =>
    body?.method === 'tools/call' && (body.params as { name?: string }).name === 'write';

  const sessions = new Map<string, StreamableHTTPServerTransport>();
  async function transportFor(request: ExpressRequest): Promise<StreamableHTTPServerTransport | undefined> {
    const id = request.headers['mcp-session-id'];
    if (id !== undefined) return sessions.get(String(id));
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (newId) => void sessions.set(newId, transport),
      onsessionclosed: (oldId) => void sessions.delete(oldId),
    });
    await newServer(guard).connect(transport as Parameters<McpServer['connect']>[0]);
    return transport;
  }

  app.use('/mcp', (request: ExpressRequest, response: ServerResponse, next: () => void) => {
    guard.watch(response);
    // biome-ignore lint/suspicious/noExplicitAny: the types of Express are not installed
    (isWrite(request) ? writing : plain)(request as any, response as any, next);
  });
  app.all('/mcp', async (request: ExpressRequest, response: ServerResponse) => {
    const transport = await transportFor(request);
    if (transport === undefined) response.writeHead(404).end();
    else await transport.handleRequest(request, response, request.body);
  });

  return {
    url: url.href,
    ...guard.seen,
    async close() {
      for (const transport of sessions.values()) await transport.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function newServer({ accountOf }: ReturnType<typeof createBearerGuard>): McpServer {
  const server = new McpServer({ name: 'guarded by sdk v1', version: '1.0.0' });
  const annotations = { readOnlyHint: true };
  server.registerTool('whoami', { description: 'Says whose token came.', annotations }, ({ authInfo }) => ({
    content: [{ type: 'text', text: accountOf(authInfo) }],
  }));
  server.registerTool('write', { description: 'Needs a scope of its own.' }, ({ authInfo }) => ({
    content: [{ type: 'text', text: `${accountOf(authInfo)} wrote` }],
  }));
  return server;
}
