import { AppError, toAppError } from '../errors/app-error.ts';
import type { JsonRpcNotification, JsonRpcResponse } from '../mcp/message.ts';
import { splice } from '../mcp/splice.ts';
import { memberSpan } from '../upstreams/transports/member-span.ts';
import type { Credential } from '../upstreams/upstream-connection.ts';
import { type GatewayContext, logFailure } from './context.ts';
import type { McpMessage } from './mcp-request.ts';
import type { Session } from './sessions.ts';
import { ownerOf } from './snapshot.ts';

/** A notification of a legacy client. Those that concern no upstream end here; unknown ones are accepted and dropped (JSON-RPC 2.0, 4.1). */
export async function notification(
  gateway: GatewayContext,
  request: McpMessage<JsonRpcNotification>,
  session: Session,
): Promise<void> {
  const { method, params } = request.message;
  if (method === 'notifications/cancelled') {
    const id = params?.requestId;
    const exchange = typeof id === 'string' || typeof id === 'number' ? session.inFlight.get(id) : undefined;
    exchange?.cancel(typeof params?.reason === 'string' ? params.reason.slice(0, 1024) : undefined);
  } else if (method === 'notifications/roots/list_changed') {
    // Nobody waits for it: one slow upstream would keep the client and the other upstreams waiting.
    for (const opening of session.connections.values()) {
      opening.then(
        (connection) => send(gateway, request, connection, request.body),
        () => {},
      );
    }
  } else if (method === 'notifications/progress') {
    await progress(gateway, request, session);
  }
}

/** How far the client is with a request of an upstream: for that upstream alone, under the token that it gave. */
async function progress(
  gateway: GatewayContext,
  request: McpMessage<JsonRpcNotification>,
  session: Session,
): Promise<void> {
  const token = request.message.params?.progressToken;
  const asked = typeof token === 'number' ? session.serverRequests.get(token) : undefined;
  if (asked?.progressToken === undefined) return;
  const span = memberSpan(request.body, request.spans.params!, 'progressToken');
  if (span === undefined) return;
  await send(gateway, request, asked.connection, splice(request.body, [{ span, text: asked.progressToken }]));
}

/**
 * The client's answer to a request of an upstream, given back under the id that the upstream used. Throws
 * `invalid_message` for an id that nobody asked with.
 */
export async function response(
  gateway: GatewayContext,
  request: McpMessage<JsonRpcResponse>,
  session: Session,
): Promise<void> {
  const { id } = request.message;
  const asked = id === undefined ? undefined : session.serverRequests.get(id);
  if (id === undefined || asked === undefined) {
    throw new AppError('invalid_message', 'No request of a server has this id, or it was answered already.');
  }
  session.serverRequests.delete(id);
  const body = splice(request.body, [{ span: request.spans.id!, text: JSON.stringify(asked.id) }]);
  await send(gateway, request, asked.connection, body);
}

async function send(
  gateway: GatewayContext,
  request: McpMessage,
  connection: { upstream: Parameters<typeof ownerOf>[0]; send(message: Buffer, credential: Credential): Promise<void> },
  body: Buffer,
): Promise<void> {
  try {
    const credential = await gateway.credentialOf(connection.upstream, ownerOf(connection.upstream, request.caller));
    await connection.send(body, credential);
  } catch (error) {
    // The client is told 202 for what the gateway accepted; an upstream that cannot take it times out on its own.
    logFailure(gateway.log, request.requestId, toAppError(error));
  }
}
