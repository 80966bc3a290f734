import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  type OAuthMetadata,
  oauthMetadataResponse,
  requireBearerAuth,
  requireScopes,
  type ScopeChallengeHandler,
} from '@modelcontextprotocol/server';
import type { BearerUpstream, BearerUpstreamOptions } from '../bearer-upstream.ts';
import { createBearerGuard, DEFAULT_SCOPES, DEFAULT_WRITE_SCOPE } from './bearer-guard.ts';

class InvalidToken extends OAuthError {
  constructor(message: string) {
    super(OAuthErrorCode.InvalidToken, message);
  }
}

/** `@modelcontextprotocol/server` 2.x: web-standard handlers without sessions, and a scope per tool. */
export async function start(options: BearerUpstreamOptions): Promise<BearerUpstream> {
  const { requiredScopes = DEFAULT_SCOPES, writeScope = DEFAULT_WRITE_SCOPE } = options;
  const guard = createBearerGuard(options, InvalidToken);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  const described = {
    oauthMetadata: options.metadata as OAuthMetadata,
    resourceServerUrl: url,
    scopesSupported: [...(options.scopesSupported ?? requiredScopes)],
  };
  const gate = requireBearerAuth({
    verifier: guard.verifierFor(url),
    requiredScopes: [...requiredScopes],
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(url),
  });
  // The challenge says all that the call needs, not only what is missing.
  const writing = requireScopes(writeScope, ...requiredScopes);
  const handler = createMcpHandler(() => newServer(guard, writing));

  async function answer(request: Request): Promise<Response> {
    const metadata = oauthMetadataResponse(request, described);
    if (metadata !== undefined) return metadata;
    if (new URL(request.url).pathname !== url.pathname) return new Response(null, { status: 404 });
    const auth = await gate(request);
    return auth instanceof Response ? auth : handler.fetch(request, { authInfo: auth });
  }

  server.on('request', (incoming: IncomingMessage, response: ServerResponse) => {
    guard.watch(response);
    answer(toRequest(incoming, response, url.origin))
      .then((answered) => send(answered, response))
      .catch(() => response.destroy());
  });

  return {
    url: url.href,
    ...guard.seen,
    async close() {
      await handler.close();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function newServer({ accountOf }: ReturnType<typeof createBearerGuard>, writing: ScopeChallengeHandler): McpServer {
  const server = new McpServer({ name: 'guarded by sdk v2', version: '1.0.0' });
  const annotations = { readOnlyHint: true };
  server.registerTool('whoami', { description: 'Says whose token came.', annotations }, ({ http }) => ({
    content: [{ type: 'text', text: accountOf(http?.authInfo) }],
  }));
  const write = { description: 'Needs a scope of its own.', scopeChallenge: writing };
  server.registerTool('write', write, ({ http }) => ({
    content: [{ type: 'text', text: `${accountOf(http?.authInfo)} wrote` }],
  }));
  return server;
}

function toRequest(incoming: IncomingMessage, response: ServerResponse, origin: string): Request {
  const { method = 'GET' } = incoming;
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const body = method === 'GET' || method === 'HEAD' ? null : (Readable.toWeb(incoming) as unknown as ReadableStream);
  const init = { method, headers, body, duplex: 'half', signal: gone.signal };
  return new Request(new URL(incoming.url!, origin), init as RequestInit);
}

async function send(answer: Response, response: ServerResponse): Promise<void> {
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) response.end();
  else await pipeline(Readable.fromWeb(answer.body as never), response).catch(() => {});
}
