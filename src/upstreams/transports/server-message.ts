import type { JsonRpcMessage, JsonRpcRequest } from '../../mcp/message.ts';
import { type ScannedMessage, scanMessage } from '../../mcp/scan-message.ts';

/** Deeper than what callers may send: results are nested by servers, and are not ours to judge. */
const MAX_DEPTH = 512;

/** Reads a message of an upstream; undefined when it is no valid message. */
export function readServerMessage(bytes: Buffer): ScannedMessage | undefined {
  try {
    return scanMessage(bytes, { depth: MAX_DEPTH });
  } catch {
    return undefined;
  }
}

/**
 * The answer to a server's request on a connection that many callers share: there is nobody in particular to ask, and the
 * gateway declared no client capability. A ping it answers itself, as every receiver must.
 */
export function answerOnBehalfOfNobody(request: JsonRpcRequest): Buffer {
  const { id, method } = request;
  const answer =
    method === 'ping'
      ? { jsonrpc: '2.0', id, result: {} }
      : { jsonrpc: '2.0', id, error: { code: -32601, message: `This client does not offer ${method.slice(0, 100)}.` } };
  return Buffer.from(JSON.stringify(answer));
}

/** Notifications that concern the server as a whole and no request of anybody. */
export function isServerWide(message: JsonRpcMessage): boolean {
  return (
    'method' in message &&
    (message.method.endsWith('/list_changed') || message.method === 'notifications/resources/updated')
  );
}

/** JSON has line breaks only between its tokens; one message must be one line on stdio and in an SSE `data` field. */
export function onOneLine(message: Buffer): Buffer {
  if (!message.includes(0x0a) && !message.includes(0x0d)) return message;
  const line = Buffer.from(message);
  for (let i = 0; i < line.length; i++) if (line[i] === 0x0a || line[i] === 0x0d) line[i] = 0x20;
  return line;
}
