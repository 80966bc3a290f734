import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Codec } from '../mcp/codecs/codec.ts';
import type { MessageSpans } from '../mcp/json-structure.ts';
import type { JsonRpcMessage, JsonRpcRequest } from '../mcp/message.ts';
import type { Revision } from '../model/catalogue.ts';
import type { Caller } from '../model/principal.ts';
import type { Mount } from './mount.ts';
import type { Session } from './sessions.ts';

/** An HTTP request on the MCP endpoint whose caller is known. */
export interface McpExchange {
  /** Appears in logs, audit and error messages. */
  readonly requestId: string;
  /** `performance.now()` at arrival. */
  readonly receivedAt: number;
  readonly http: IncomingMessage;
  readonly res: ServerResponse;
  readonly address: string;
  readonly mount: Mount;
  readonly caller: Caller;
}

/** One JSON-RPC message in it, read and found well-formed. */
export interface McpMessage<M extends JsonRpcMessage = JsonRpcMessage> extends McpExchange {
  readonly message: M;
  /** The original bytes of the message, and where its parts stand in them. */
  readonly body: Buffer;
  readonly spans: MessageSpans;
  readonly revision: Revision;
  readonly codec: Codec;
  /** The session it belongs to; null for modern requests and for `initialize`. */
  readonly session: Session | null;
  /** Its person was asked for it to connect an account and said no, so they are not asked again. */
  readonly declined?: boolean;
}

export type McpRequest = McpMessage<JsonRpcRequest>;
