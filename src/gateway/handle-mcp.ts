import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError, toAppError } from '../errors/app-error.ts';
import type { ErrorCode } from '../errors/catalog.ts';
import { legacyCodec } from '../mcp/codecs/legacy.ts';
import type { RequestId } from '../mcp/message.ts';
import type { Caller } from '../model/principal.ts';
import { authenticate, type VerifyCredential } from './authenticate.ts';
import { type GatewayContext, logFailure } from './context.ts';
import { allowOrigin, answerPreflight, isPreflight } from './cors.ts';
import { handlePost } from './handle-post.ts';
import type { McpExchange, McpMessage } from './mcp-request.ts';
import { type Mount, mountOf, resourcePath } from './mount.ts';
import { errorJson, sendJson } from './respond.ts';
import { openServerStream } from './server-stream-request.ts';
import type { ListenStream } from './subscriptions-listen.ts';
import { requireScopeOf } from './token-scopes.ts';

export interface HandlerOptions {
  readonly verify: VerifyCredential;
  /** Who a request without a credential is: null unless `auth: none` is configured. */
  readonly anonymous: Caller | null;
  readonly newRequestId: () => string;
  /** Address of the client, after trusted proxies. */
  readonly addressOf: (http: IncomingMessage) => string;
  /** Repeated headers, Host and Origin. */
  readonly checkHeaders: (http: IncomingMessage) => AppError | null;
  /** The `WWW-Authenticate` value for an error at a resource path; undefined when the error is no challenge. */
  readonly challenge: (error: AppError, resourcePath: string) => string | undefined;
  /** A nonce for proofs of possession (RFC 9449 §9). */
  readonly dpopNonce: () => string;
  readonly recordRefusal: (requestId: string, address: string, target: string, error: AppError) => void;
  /** `shutting_down` or `overloaded`, while that is so. */
  readonly refuseNow: () => AppError | null;
  readonly bodyBytes: number;
  readonly depth: number;
}

/** Credentials that were not accepted. A missing one, or a nonce to fetch first, is how a client begins. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'credential_invalid',
  'address_not_allowed',
  'token_expired',
  'token_audience',
  'token_proof_invalid',
]);

/** Everything that arrives at `/mcp` and `/mcp/{upstream}`. Never rejects. */
export async function handleMcp(
  gateway: GatewayContext,
  options: HandlerOptions,
  listeners: Set<ListenStream>,
  http: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const requestId = options.newRequestId();
  const receivedAt = performance.now();
  let mount: Mount | undefined;
  let read: McpMessage | undefined;
  try {
    const refused = options.refuseNow() ?? options.checkHeaders(http);
    if (refused !== null) throw refused;
    allowOrigin(http, res);
    if (isPreflight(http)) return answerPreflight(http, res);
    mount = mountOf(http.url!);
    const address = options.addressOf(http);
    const use = { http, address, resourcePath: resourcePath(mount) };
    const verified = authenticate(use, options.verify, options.anonymous);
    const caller = verified instanceof Promise ? await verified : verified;
    requireScopeOf(caller, use.resourcePath);
    const exchange: McpExchange = { requestId, receivedAt, http, res, address, mount, caller };
    if (http.method === 'POST') {
      await handlePost(gateway, options, listeners, exchange, (message) => {
        read = message;
      });
    } else if (http.method === 'GET') openServerStream(gateway, exchange);
    else if (http.method === 'DELETE') endSession(gateway, exchange);
    else throw new AppError('method_not_allowed', 'MCP is served by POST, GET and DELETE.');
  } catch (thrown) {
    const error = toAppError(thrown);
    if (error.code === 'internal') logFailure(gateway.log, requestId, error);
    if (REFUSALS.has(error.code)) {
      options.recordRefusal(requestId, options.addressOf(http), http.url!.split('?')[0]!, error);
    }
    refuse(options, res, error, requestId, mount, read);
  }
}

function refuse(
  options: HandlerOptions,
  res: ServerResponse,
  error: AppError,
  requestId: string,
  mount: Mount | undefined,
  read: McpMessage | undefined,
): void {
  const challenge = mount === undefined ? undefined : options.challenge(error, resourcePath(mount));
  const headers: Record<string, string> = {
    ...(challenge !== undefined && { 'www-authenticate': challenge }),
    ...(error.code === 'token_nonce_required' && { 'dpop-nonce': options.dpopNonce() }),
    ...(error.code === 'method_not_allowed' && { allow: 'GET, POST, DELETE' }),
    ...(error.code === 'shutting_down' && { 'retry-after': '5', connection: 'close' }),
    ...(error.code === 'overloaded' && { 'retry-after': '2' }),
  };
  // An answer that has begun cannot become an error; cutting it off tells the client.
  if (res.headersSent) res.destroy();
  const id: RequestId | undefined = read !== undefined && 'id' in read.message ? read.message.id : undefined;
  const status = (read?.codec ?? legacyCodec).statusOf(error);
  sendJson(res, status, errorJson(id, error, requestId), headers);
}

/** DELETE: a legacy client ends its session (2025-11-25, "Session Management"). */
function endSession(gateway: GatewayContext, { http, res, caller, mount }: McpExchange): void {
  const id = http.headers['mcp-session-id'];
  if (typeof id !== 'string') throw new AppError('session_required');
  gateway.sessions.end(gateway.sessions.find(id, caller, mount));
  res.writeHead(204).end();
}
