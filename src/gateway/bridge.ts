import { type ClientIdentity, type Codec, codecOf } from '../mcp/codecs/codec.ts';
import { parseExactJson } from '../mcp/exact-json.ts';
import { type MessageSpans, scanStructure } from '../mcp/json-structure.ts';
import { isObject, isRequest, type JsonRpcMessage } from '../mcp/message.ts';
import { META_CLIENT_INFO } from '../mcp/revision.ts';
import { splice } from '../mcp/splice.ts';
import { writeSseEvent } from '../mcp/sse.ts';
import { withMeta } from '../mcp/with-meta.ts';
import type { JsonObject } from '../model/json.ts';
import type { Credential, UpstreamConnection } from '../upstreams/upstream-connection.ts';
import type { McpRequest } from './mcp-request.ts';
import type { Rewrite } from './relay.ts';

const MAX_DEPTH = 256;

/** A client of one era in front of an upstream of the other: plain requests and progress pass both ways. */
export const needsBridge = (request: McpRequest, connection: UpstreamConnection): boolean =>
  request.codec.era !== codecOf(connection.revision).era;

/**
 * The request as the upstream's era wants it. On a connection that many clients share it gets an id of the connection's
 * own, since two clients may well use the same one at a time (CVE-2026-25536).
 */
export function bridgeRequest(request: McpRequest, connection: UpstreamConnection, body: Buffer, spans: MessageSpans) {
  const codec = codecOf(connection.revision);
  const { params } = request.message;
  const meta = codec.adoptMeta(isObject(params?._meta) ? params._meta : undefined, identityOf(request));
  const adopted = withMeta(body, spans, meta);
  const adoptedSpans = scanStructure(adopted, MAX_DEPTH).spans;
  const edited = splice(adopted, [{ span: adoptedSpans.id!, text: String(connection.nextId()) }]);
  return { body: edited, spans: scanStructure(edited, MAX_DEPTH).spans };
}

function identityOf({ session, message }: McpRequest): ClientIdentity {
  if (session !== null) return { clientInfo: session.clientInfo, logLevel: session.logLevel };
  const meta = message.params?._meta as JsonObject;
  const clientInfo = meta[META_CLIENT_INFO];
  return { clientInfo: isObject(clientInfo) ? clientInfo : { name: 'unknown', version: '0' } };
}

/** How the upstream's messages become messages of the client's era, with the client's own request id. */
export function bridgeAnswer(request: McpRequest, connection: UpstreamConnection, credential: Credential): Rewrite {
  const adopt = (json: Buffer): Buffer | null => {
    const message = parseExactJson(json.toString()) as JsonRpcMessage;
    if (isRequest(message)) {
      refuseServerRequest(connection, credential, message.id);
      return null;
    }
    return Buffer.from(JSON.stringify(adoptMessage(request.codec, request, message)));
  };
  return {
    body: (json) => adopt(json) ?? json,
    event: ({ data }) => {
      if (data === undefined || data.length === 0) return null;
      const adopted = adopt(data);
      return adopted === null ? null : Buffer.from(writeSseEvent({ event: 'message', data: adopted }));
    },
  };
}

function adoptMessage(codec: Codec, request: McpRequest, message: JsonRpcMessage): JsonRpcMessage {
  const adopted = codec.adoptMessage(message);
  return 'method' in adopted ? adopted : { ...adopted, id: request.message.id };
}

/** Asking back across eras is not possible yet; the upstream learns it at once instead of waiting. */
function refuseServerRequest(connection: UpstreamConnection, credential: Credential, id: string | number): void {
  const error = { code: -32601, message: 'This client cannot be asked across protocol versions.' };
  const refusal = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, error }));
  connection.send(refusal, credential).catch(() => {
    // The upstream's own timeout ends its request then.
  });
}
