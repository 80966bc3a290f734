import { encodeHeaderValue } from '../../mcp/header-rules.ts';
import { LATEST_MODERN } from '../../mcp/revision.ts';
import type { ExchangeSink, OutboundRequest, UpstreamConnection } from '../upstream-connection.ts';
import { LISTEN_METHOD, REPEATABLE_METHODS } from '../upstream-connection.ts';
import type { UpstreamContext } from '../upstream-context.ts';
import type { Handshake } from './detect-era.ts';
import type { HttpEndpoint } from './http.ts';
import type { HttpExchange } from './http-exchange.ts';
import { createHeaderPrefix } from './http-headers.ts';

export type HttpPoster = (request: OutboundRequest, sink: ExchangeSink) => HttpExchange;

/** Posts as 2026-07-28 wants it: every request by itself, with the headers that repeat its body. The hot path. */
export function createModernPoster(endpoint: HttpEndpoint): HttpPoster {
  const prefix = createHeaderPrefix(LATEST_MODERN, undefined);
  return (request, sink) => {
    const { method, name, credential } = request;
    const headers = prefix.of(credential).concat(request.headers);
    headers.push('mcp-method', method);
    if (name !== undefined) headers.push('mcp-name', encodeHeaderValue(name));
    return endpoint.post(
      {
        body: request.body,
        spans: request.spans,
        headers,
        credential,
        repeatable: REPEATABLE_METHODS.has(method),
        listen: method === LISTEN_METHOD,
        timeoutMs: request.timeoutMs,
      },
      sink,
    );
  };
}

/**
 * A connection to a server of 2026-07-28: no session, so it is only what the server said about itself and a way to post.
 * It holds nothing open, never ends by itself, and serves any number of callers with their own credentials and ids.
 */
export function createHttpModern(
  context: UpstreamContext,
  endpoint: HttpEndpoint,
  post: HttpPoster,
  options: { shared: boolean; handshake: Handshake; nextId: () => number },
): UpstreamConnection {
  const prefix = createHeaderPrefix(options.handshake.revision, undefined);
  return {
    upstream: context.upstream,
    ...options.handshake,
    shared: options.shared,
    exchange: post,
    send: (message, credential) => endpoint.notify(message, prefix.of(credential), credential),
    listen: () => null,
    nextId: options.nextId,
    onClosed() {},
    async close() {},
  };
}
