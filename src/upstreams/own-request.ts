import { META_CAPABILITIES, META_CLIENT_INFO, META_VERSION } from '../mcp/revision.ts';
import { scanMessage } from '../mcp/scan-message.ts';
import { eraOf, type Revision } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import type { Credential, OutboundRequest } from './upstream-connection.ts';

/** Who a connection says that it is: the gateway itself, or the client whose connection it is. */
export interface ClientIdentity {
  readonly clientInfo: JsonObject;
  readonly clientCapabilities: JsonObject;
}

export interface OwnRequest {
  readonly id: number;
  readonly method: string;
  readonly params?: JsonObject;
  readonly credential: Credential;
  readonly revision: Revision;
  readonly identity: ClientIdentity;
  readonly timeoutMs?: number | undefined;
}

/** A request that the gateway itself makes, with what its revision wants in `_meta`. */
export function ownRequest(request: OwnRequest): OutboundRequest {
  const { id, method, params, revision, identity } = request;
  const meta =
    eraOf(revision) === 'modern'
      ? {
          _meta: {
            [META_VERSION]: revision,
            [META_CLIENT_INFO]: identity.clientInfo,
            [META_CAPABILITIES]: identity.clientCapabilities,
          },
        }
      : undefined;
  const allParams = params === undefined && meta === undefined ? {} : { params: { ...params, ...meta } };
  const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, ...allParams }));
  return {
    body,
    spans: scanMessage(body, { depth: 64 }).spans,
    method,
    headers: [],
    credential: request.credential,
    timeoutMs: request.timeoutMs,
  };
}
