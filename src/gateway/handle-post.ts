import { AppError } from '../errors/app-error.ts';
import { codecOf } from '../mcp/codecs/codec.ts';
import { checkMirroredHeaders } from '../mcp/header-rules.ts';
import { isNotification, isRequest, type JsonRpcNotification, type JsonRpcResponse } from '../mcp/message.ts';
import { checkLegacyVersion, LATEST_LEGACY, modernRevision } from '../mcp/revision.ts';
import { scanMessage } from '../mcp/scan-message.ts';
import { call, GOVERNED_METHODS } from './call.ts';
import type { GatewayContext } from './context.ts';
import { discover } from './discover.ts';
import type { HandlerOptions } from './handle-mcp.ts';
import { initialize } from './initialize.ts';
import { list } from './list.ts';
import { isListMethod } from './lists.ts';
import type { McpExchange, McpMessage, McpRequest } from './mcp-request.ts';
import { notification, response } from './notification.ts';
import { readBody } from './read-body.ts';
import { sendResult } from './respond.ts';
import { setLogLevel } from './set-log-level.ts';
import { type ListenStream, subscriptionsListen } from './subscriptions-listen.ts';

/** Of the legacy era only: sessions, and what 2026-07-28 replaced. */
const LEGACY_ONLY = new Set(['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']);

/** Bodies up to this size are bounded by the number of connections. */
const SMALL_BYTES = 4 * 1024;

/** One JSON-RPC message. `onRead` learns what was read before anything else can fail, for the error answer. */
export async function handlePost(
  gateway: GatewayContext,
  options: HandlerOptions,
  listeners: Set<ListenStream>,
  exchange: McpExchange,
  onRead: (message: McpMessage) => void,
): Promise<void> {
  const { http } = exchange;
  const { accept } = http.headers;
  if (accept !== undefined && !/application\/(json|\*)|\*\/\*/.test(accept)) throw new AppError('not_acceptable');
  const reserve = (bytes: number): void => gateway.memory.reserve(exchange.res, bytes);
  const body = await readBody(http, options.bodyBytes, reserve);
  gateway.live.refuseRevoked(exchange);
  const { message, spans } = scanMessage(body, body.length > SMALL_BYTES ? { depth: options.depth, reserve } : options);
  const draft = {
    ...exchange,
    message,
    spans,
    body,
    revision: LATEST_LEGACY,
    codec: codecOf(LATEST_LEGACY),
    session: null,
  };
  onRead(draft);
  const header = http.headers['mcp-protocol-version'] as string | undefined;
  const modern = modernRevision(header, message);
  if (modern === null) {
    await handleLegacy(gateway, draft, header, onRead);
    return;
  }
  draft.revision = modern;
  draft.codec = codecOf(modern);
  checkMirroredHeaders(http.headers, message);
  await handleModern(gateway, listeners, draft);
}

function handleModern(
  gateway: GatewayContext,
  listeners: Set<ListenStream>,
  message: McpMessage,
): void | Promise<void> {
  if (isNotification(message.message)) return accepted(message);
  if (!isRequest(message.message))
    throw new AppError('invalid_message', 'Protocol version 2026-07-28 has no responses of clients.');
  const request = message as McpRequest;
  const { method } = request.message;
  if (method === 'server/discover') return discover(gateway, request);
  if (method === 'subscriptions/listen') return subscriptionsListen(gateway, request, listeners);
  if (isListMethod(method)) return list(gateway, request);
  if (GOVERNED_METHODS.has(method) && !LEGACY_ONLY.has(method)) return call(gateway, request);
  throw unknownMethod(method);
}

async function handleLegacy(
  gateway: GatewayContext,
  draft: McpMessage,
  header: string | undefined,
  onRead: (message: McpMessage) => void,
): Promise<void> {
  checkLegacyVersion(header);
  if (isRequest(draft.message) && draft.message.method === 'initialize')
    return initialize(gateway, draft as McpRequest);
  const id = draft.http.headers['mcp-session-id'];
  if (typeof id !== 'string') throw new AppError('session_required');
  const session = gateway.sessions.find(id, draft.caller, draft.mount);
  const message: McpMessage = { ...draft, session, revision: session.revision };
  onRead(message);
  if (isNotification(message.message)) {
    await notification(gateway, message as McpMessage<JsonRpcNotification>, session);
    return accepted(message);
  }
  if (!isRequest(message.message)) {
    await response(gateway, message as McpMessage<JsonRpcResponse>, session);
    return accepted(message);
  }
  const request = message as McpRequest;
  const { method } = request.message;
  if (method === 'ping') return sendResult(request, '{}');
  if (method === 'logging/setLevel') return setLogLevel(gateway, request, session);
  if (isListMethod(method)) return list(gateway, request);
  if (GOVERNED_METHODS.has(method)) return call(gateway, request);
  throw unknownMethod(method);
}

function accepted({ res }: McpExchange): void {
  res.writeHead(202).end();
}

const unknownMethod = (method: string) => new AppError('method_not_found', `Method not found: ${method.slice(0, 128)}`);
