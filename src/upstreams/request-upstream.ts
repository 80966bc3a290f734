import type { JsonRpcResponse } from '../mcp/message.ts';
import type { JsonObject } from '../model/json.ts';
import { collectAnswer } from './collect-answer.ts';
import { type ClientIdentity, ownRequest } from './own-request.ts';
import type { Credential, UpstreamConnection } from './upstream-connection.ts';

/** One request of the gateway's own over an open connection, and its response. Rejects with AppError. */
export async function requestUpstream(
  connection: UpstreamConnection,
  request: { method: string; params?: JsonObject; credential: Credential; identity: ClientIdentity },
): Promise<JsonRpcResponse> {
  const outbound = ownRequest({ ...request, id: connection.nextId(), revision: connection.revision });
  const { response } = await collectAnswer(
    connection.upstream.name,
    (out, sink) => connection.exchange(out, sink),
    outbound,
  );
  return response;
}
