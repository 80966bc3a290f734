import { AppError } from '../../errors/app-error.ts';
import { isObject, type JsonRpcError } from '../../mcp/message.ts';
import { LATEST_LEGACY, LATEST_MODERN, META_SERVER_INFO } from '../../mcp/revision.ts';
import { eraOf, PROTOCOL_REVISIONS, type Revision } from '../../model/catalogue.ts';
import type { JsonObject } from '../../model/json.ts';
import { type CollectedAnswer, collectAnswer } from '../collect-answer.ts';
import { type ClientIdentity, ownRequest } from '../own-request.ts';
import type { SecretFinder } from '../secret-search.ts';
import type { Credential, Exchange, ExchangeSink, OutboundRequest } from '../upstream-connection.ts';
import { cleanSink, searchForCredential } from '../without-secrets.ts';

/** What a server said about itself. */
export interface Handshake {
  readonly revision: Revision;
  readonly serverInfo: JsonObject;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
}

/** How to ask over a connection that is not yet open. */
export interface HandshakeContext {
  readonly upstream: string;
  readonly exchange: (request: OutboundRequest, sink: ExchangeSink) => Exchange;
  readonly nextId: () => number;
  readonly identity: ClientIdentity;
  readonly credential: Credential;
  /** What else than the credential must not come back, in what the server says about itself either. */
  readonly secrets?: SecretFinder | null | undefined;
}

export type Discovery =
  | { readonly era: 'modern'; readonly handshake: Handshake }
  /** `revision` is the one to ask for in `initialize`; `why` is for the test report. */
  | { readonly era: 'legacy'; readonly revision: Revision; readonly why: string };

/** An exchange whose answer does not hold what the server was given: what it says here is shown to every caller. */
const cleanExchange =
  ({ exchange, secrets, credential }: HandshakeContext): HandshakeContext['exchange'] =>
  (request, sink) =>
    exchange(request, cleanSink(sink, secrets ?? searchForCredential(credential)));

/** HTTP statuses that say something about the way to the server, not about its era. */
const NOT_AN_ERA = new Set([401, 403, 407, 429, 502, 503, 504]);

/**
 * Finds out the era of a server with `server/discover` (2026-07-28, "Backward Compatibility" of both transports). A result
 * or one of the modern error codes makes it modern; any other answer, an error status, and silence make it legacy. Rejects
 * when the server cannot be reached, refuses the credential, or is modern but has no revision in common with us.
 *
 * @param timeoutMs after which silence means legacy
 */
export async function discover(context: HandshakeContext, timeoutMs: number): Promise<Discovery> {
  const legacy = (why: string, revision = LATEST_LEGACY): Discovery => ({ era: 'legacy', revision, why });
  let answer: CollectedAnswer;
  try {
    answer = await collectAnswer(
      context.upstream,
      cleanExchange(context),
      ownRequest({
        id: context.nextId(),
        method: 'server/discover',
        credential: context.credential,
        revision: LATEST_MODERN,
        identity: context.identity,
        timeoutMs,
      }),
    );
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const status = error.data?.upstreamStatus as number | undefined;
    if (error.code === 'upstream_timeout') return legacy('it did not answer server/discover');
    if (status !== undefined && !NOT_AN_ERA.has(status)) return legacy(`it answered HTTP ${status} to server/discover`);
    if (error.code === 'upstream_invalid' && status === undefined)
      return legacy('its answer to server/discover is no MCP');
    throw error;
  }
  const { result, error } = answer.response;
  if (error !== undefined) return judgeError(context.upstream, error, legacy);
  const versions = result?.supportedVersions;
  if (!Array.isArray(versions)) return legacy('its result of server/discover names no versions');
  if (!versions.includes(LATEST_MODERN)) {
    const common = newestLegacyIn(versions);
    if (common === undefined) throw noCommonRevision(context.upstream, versions);
    return legacy('it supports only versions with a handshake', common);
  }
  const meta = isObject(result?._meta) ? result._meta : {};
  const serverInfo = meta[META_SERVER_INFO] ?? result?.serverInfo;
  return {
    era: 'modern',
    handshake: {
      revision: LATEST_MODERN,
      serverInfo: isObject(serverInfo) ? serverInfo : {},
      capabilities: isObject(result?.capabilities) ? result.capabilities : {},
      instructions: typeof result?.instructions === 'string' ? result.instructions : undefined,
    },
  };
}

function judgeError(
  upstream: string,
  error: JsonRpcError,
  legacy: (why: string, revision?: Revision) => Discovery,
): Discovery {
  if (error.code === -32022) {
    const supported = isObject(error.data) && Array.isArray(error.data.supported) ? error.data.supported : [];
    const common = newestLegacyIn(supported);
    if (common === undefined) throw noCommonRevision(upstream, supported);
    return legacy('it supports only versions with a handshake', common);
  }
  if (error.code === -32020 || error.code === -32021) {
    throw new AppError(
      'upstream_invalid',
      `"${upstream}" speaks 2026-07-28 but refuses server/discover (${error.code}: ${error.message.slice(0, 200)}).`,
    );
  }
  return legacy(`it answered error ${error.code} to server/discover`);
}

/**
 * Opens a session (revisions up to 2025-11-25): `initialize`, then the caller sends `notifications/initialized`.
 * @param revision asked for; the server may answer with another legacy one
 */
export async function initialize(context: HandshakeContext, revision: Revision): Promise<Handshake> {
  const { upstream, identity } = context;
  const { response } = await collectAnswer(
    upstream,
    cleanExchange(context),
    ownRequest({
      id: context.nextId(),
      method: 'initialize',
      params: { protocolVersion: revision, capabilities: identity.clientCapabilities, clientInfo: identity.clientInfo },
      credential: context.credential,
      revision,
      identity,
    }),
  );
  const { result, error } = response;
  if (result === undefined) {
    const { code, message } = error!;
    throw new AppError('upstream_invalid', `"${upstream}" refuses initialize (${code}: ${message.slice(0, 200)}).`);
  }
  const negotiated = PROTOCOL_REVISIONS.find((known) => known === result.protocolVersion);
  if (negotiated === undefined || eraOf(negotiated) === 'modern') {
    throw noCommonRevision(upstream, [result.protocolVersion]);
  }
  return {
    revision: negotiated,
    serverInfo: isObject(result.serverInfo) ? result.serverInfo : {},
    capabilities: isObject(result.capabilities) ? result.capabilities : {},
    instructions: typeof result.instructions === 'string' ? result.instructions : undefined,
  };
}

export const INITIALIZED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}');

function newestLegacyIn(versions: readonly unknown[]): Revision | undefined {
  return PROTOCOL_REVISIONS.filter((known) => eraOf(known) === 'legacy' && versions.includes(known)).at(-1);
}

function noCommonRevision(upstream: string, theirs: readonly unknown[]): AppError {
  const list = theirs.map((version) => String(version).slice(0, 40)).join(', ');
  return new AppError(
    'upstream_invalid',
    `"${upstream}" speaks MCP ${list || 'of no known version'}; Toolgate speaks ${PROTOCOL_REVISIONS.join(', ')}.`,
  );
}
