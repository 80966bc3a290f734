import { AppError } from '../errors/app-error.ts';
import { isObject, type JsonRpcResponse } from '../mcp/message.ts';
import { createSseReader } from '../mcp/sse.ts';
import type { Exchange, ExchangeSink, OutboundRequest } from './upstream-connection.ts';

export interface CollectedAnswer {
  /** HTTP status, 200 on a channel. */
  readonly status: number;
  readonly response: JsonRpcResponse;
}

const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Sends a request of the gateway's own and collects its whole answer, whichever way it comes; notifications before it are
 * passed over. Rejects with AppError.
 */
export function collectAnswer(
  upstream: string,
  exchange: (request: OutboundRequest, sink: ExchangeSink) => Exchange,
  request: OutboundRequest,
): Promise<CollectedAnswer> {
  const id: unknown = JSON.parse(request.body.toString('utf8', ...request.spans.id!));
  return new Promise((resolve, reject) => {
    const reader = createSseReader({ maxEventBytes: MAX_BYTES });
    const chunks: Buffer[] = [];
    let status = 0;
    let type: 'json' | 'sse' = 'json';
    const invalid = (detail: string): void => reject(new AppError('upstream_invalid', `"${upstream}" ${detail}.`));

    const offer = (bytes: Buffer): boolean => {
      const response = readResponse(bytes);
      if (response === undefined || response.id !== id) return false;
      resolve({ status, response });
      return true;
    };
    const sink: ExchangeSink = {
      head(code, contentType) {
        status = code;
        type = contentType;
      },
      data(chunk) {
        if (type === 'json') {
          chunks.push(chunk);
          return true;
        }
        try {
          for (const event of reader.push(chunk)) {
            if (event.data !== undefined && offer(event.data)) {
              running.abort();
              break;
            }
          }
        } catch (error) {
          running.abort();
          reject(error);
        }
        return true;
      },
      end() {
        if (type === 'sse') invalid(`ended its answer to ${request.method} without a response`);
        else if (!offer(Buffer.concat(chunks))) invalid(`sent no valid response to ${request.method}`);
      },
      fail: reject,
    };
    const running = exchange(request, sink);
  });
}

function readResponse(bytes: Buffer): JsonRpcResponse | undefined {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(document) || document.jsonrpc !== '2.0' || 'method' in document) return undefined;
  return isObject(document.result) || isObject(document.error) ? (document as unknown as JsonRpcResponse) : undefined;
}
