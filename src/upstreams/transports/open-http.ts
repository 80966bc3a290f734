import { randomInt } from 'node:crypto';
import { AppError } from '../../errors/app-error.ts';
import { LATEST_LEGACY } from '../../mcp/revision.ts';
import { eraOf } from '../../model/catalogue.ts';
import type { UpstreamConnection } from '../upstream-connection.ts';
import type { UpstreamContext } from '../upstream-context.ts';
import type { ConnectionOptions } from './connection-options.ts';
import { discover } from './detect-era.ts';
import type { HttpEndpoint } from './http.ts';
import { openHttpLegacySession } from './http-legacy-session.ts';
import { createHttpModern, createModernPoster } from './http-modern.ts';

/** Milliseconds after which a server that does not answer `server/discover` counts as legacy. */
const DISCOVER_TIMEOUT_MS = 5000;

/**
 * Opens a connection to a Streamable HTTP server of either era. The era that was found is remembered, and forgotten when
 * it turns out to be wrong. Rejects with AppError.
 */
export async function openHttp(
  context: UpstreamContext,
  endpoint: HttpEndpoint,
  options: ConnectionOptions,
): Promise<UpstreamConnection> {
  const nextId = createWireIds();
  const forced = options.revision !== undefined && eraOf(options.revision) === 'legacy' ? options.revision : undefined;
  let initializeWith = forced ?? LATEST_LEGACY;
  const probe = forced === undefined && context.era !== 'legacy';
  if (probe) {
    const post = createModernPoster(endpoint);
    const discovery = await discover(
      {
        upstream: context.upstream.name,
        exchange: post,
        nextId,
        identity: options.identity,
        credential: options.credential,
      },
      Math.min(DISCOVER_TIMEOUT_MS, context.limits.timeoutMs),
    );
    context.eraFound =
      discovery.era === 'modern' ? 'It answers server/discover.' : `It is taken as legacy: ${discovery.why}.`;
    if (discovery.era === 'modern') {
      context.era = 'modern';
      return createHttpModern(context, endpoint, post, {
        shared: options.shared,
        handshake: discovery.handshake,
        nextId,
      });
    }
    initializeWith = discovery.revision;
  }
  try {
    const connection = await openHttpLegacySession(context, endpoint, { ...options, nextId, initializeWith });
    if (forced === undefined) context.era = 'legacy';
    return connection;
  } catch (error) {
    if (forced === undefined) context.era = undefined;
    throw probe ? explainNeitherEra(context.upstream.name, error) : error;
  }
}

function explainNeitherEra(upstream: string, error: unknown): unknown {
  const status = error instanceof AppError ? error.data?.upstreamStatus : undefined;
  if (status !== 400 && status !== 404 && status !== 405) return error;
  return new AppError(
    'upstream_invalid',
    `"${upstream}" answers HTTP ${status} to both MCP handshakes. Check the URL; a server of the old HTTP+SSE transport needs \`transport: sse\`.`,
    { cause: error, data: { upstreamStatus: status } },
  );
}

/**
 * Numbers of 13 digits: unlike the small ones that clients count with, so a request of the gateway's own never has the id
 * of a client's, and such a number in an answer is the one that was sent (see id-restorer.ts). Exact in every double.
 */
function createWireIds(): () => number {
  let last = randomInt(1e12, 9e12 / 2);
  return () => ++last;
}
