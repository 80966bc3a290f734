import type { Logger } from 'pino';
import { AppError } from '../../errors/app-error.ts';
import { isRequest, isResponse, type JsonRpcRequest, type JsonRpcResponse } from '../../mcp/message.ts';
import { META_SUBSCRIPTION } from '../../mcp/revision.ts';
import type { ScannedMessage } from '../../mcp/scan-message.ts';
import type { Edit } from '../../mcp/splice.ts';
import { splice } from '../../mcp/splice.ts';
import type { CallGuard } from '../call-guard.ts';
import type { CallLimits, Credential, Exchange, ExchangeSink, OutboundRequest } from '../upstream-connection.ts';
import { ChannelExchange } from './channel-exchange.ts';
import { ChannelStream } from './channel-stream.ts';
import { memberSpan } from './member-span.ts';
import { answerOnBehalfOfNobody, isServerWide, onOneLine, readServerMessage } from './server-message.ts';
import { createWatchdog } from './watchdog.ts';

export interface ChannelOptions {
  readonly upstream: string;
  readonly shared: boolean;
  readonly limits: CallLimits;
  readonly guard: CallGuard;
  readonly log: Logger;
  /**
   * Sends one message on one line, without its line break. A rejection fails the request that it belongs to.
   * @param credential of the request, for a transport that sends every message by itself
   */
  readonly write: (message: Buffer, credential: Credential | undefined) => Promise<void>;
}

/** One stream of messages in each direction that many requests share: stdio, and HTTP+SSE of 2024-11-05. */
export interface Channel {
  exchange(request: OutboundRequest, sink: ExchangeSink): Exchange;
  send(message: Buffer, credential: Credential): Promise<void>;
  listen(sink: ExchangeSink): Exchange;
  nextId(): number;
  /** One message of the server, as it came. */
  receive(message: Buffer): void;
  /** A message of the server was thrown away for its size; `edges` are its first and last bytes. */
  dropped(edges: string): void;
  /** The channel is gone: all exchanges and streams fail. */
  end(reason: AppError): void;
}

/**
 * Correlates what comes over one channel with what was asked. Every request goes out with an id of the channel's own,
 * which is also its progress token, and comes back to exactly the exchange that has it, with the caller's own values put
 * back in place: two callers with the same id cannot meet. The bytes of a message are otherwise passed on as they are.
 */
export function createChannel(options: ChannelOptions): Channel {
  const { upstream, shared, log } = options;
  const exchanges = new Map<number, ChannelExchange>();
  const watchdog = createWatchdog();
  const stream = new ChannelStream();
  let lastId = 0;
  let ended: AppError | undefined;

  const tell = (message: string | Buffer, credential?: Credential): void => {
    options.write(Buffer.from(message), credential).catch((error: unknown) => {
      log.debug({ err: error }, 'a message to the upstream was lost');
    });
  };

  const respond = (exchange: ChannelExchange, { message, spans }: ScannedMessage, bytes: Buffer): void => {
    const edits: Edit[] = [{ span: spans.id!, text: exchange.id }];
    if (exchange.subscription) edits.push(...subscriptionEdits(bytes, spans.result, exchange));
    exchange.answer(splice(bytes, edits), message as JsonRpcResponse);
  };

  /** The exchange that a notification belongs to, with the edits that make it the caller's. */
  const ownerOf = (scanned: ScannedMessage, bytes: Buffer): { exchange: ChannelExchange; edits: Edit[] } | undefined => {
    const { message, spans } = scanned;
    const params = 'params' in message ? message.params : undefined;
    const owner = (wireId: unknown, edits: (exchange: ChannelExchange) => Edit[]) => {
      const exchange = typeof wireId === 'number' ? exchanges.get(wireId) : undefined;
      return exchange && { exchange, edits: edits(exchange) };
    };
    const meta = params?._meta;
    if (typeof meta === 'object' && meta !== null && META_SUBSCRIPTION in meta) {
      const wireId = (meta as Record<string, unknown>)[META_SUBSCRIPTION];
      return owner(wireId, (exchange) => subscriptionEdits(bytes, spans.params, exchange));
    }
    if (!('method' in message)) return undefined;
    if (message.method === 'notifications/progress') {
      return owner(params?.progressToken, (exchange) => {
        const span = memberSpan(bytes, spans.params!, 'progressToken');
        return span === undefined || exchange.progressToken === undefined ? [] : [{ span, text: exchange.progressToken }];
      });
    }
    if (message.method === 'notifications/cancelled' && spans.requestId !== undefined) {
      return owner(params?.requestId, (exchange) => [{ span: spans.requestId!, text: exchange.id }]);
    }
    return undefined;
  };

  const serverRequest = (request: JsonRpcRequest, bytes: Buffer): void => {
    if (shared) tell(answerOnBehalfOfNobody(request));
    else (newest(exchanges) ?? stream).message(bytes);
  };

  const notification = (scanned: ScannedMessage, bytes: Buffer): void => {
    const { message } = scanned;
    const method = 'method' in message ? message.method : '';
    const owned = ownerOf(scanned, bytes);
    if (owned !== undefined) {
      if (method === 'notifications/progress' && owned.exchange.progressToken === undefined) return;
      owned.exchange.message(splice(bytes, owned.edits));
      // The server ends a subscription by cancelling it (2026-07-28, "Cancellation").
      if (method === 'notifications/cancelled') owned.exchange.finish();
    } else if (method === 'notifications/progress' || method === 'notifications/cancelled') {
      // Of a request that is over, or that was never made.
    } else if (!shared && !isServerWide(message) && exchanges.size === 1) {
      newest(exchanges)!.message(bytes);
    } else {
      stream.message(bytes);
    }
  };

  return {
    exchange(request, sink) {
      const wireId = ++lastId;
      const exchange = new ChannelExchange({
        upstream,
        request,
        sink,
        limits: options.limits,
        guard: options.guard,
        onDone: () => {
          exchanges.delete(wireId);
          watchdog.delete(exchange);
        },
        tellCancelled: (reason) => {
          const why = reason === undefined ? '' : `,"reason":${JSON.stringify(reason)}`;
          const params = `{"requestId":${wireId}${why}}`;
          tell(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`, request.credential);
        },
      });
      if (!exchange.start(ended)) return exchange;
      exchanges.set(wireId, exchange);
      watchdog.add(exchange);
      const { id, progressToken } = request.spans;
      const edits = [id!, ...(progressToken === undefined ? [] : [progressToken])];
      const body = splice(
        request.body,
        edits.map((span) => ({ span, text: String(wireId) })),
      );
      options.write(onOneLine(body), request.credential).catch((error: unknown) => exchange.broken(error));
      return exchange;
    },
    send: (message, credential) =>
      ended === undefined ? options.write(onOneLine(message), credential) : Promise.reject(ended),
    listen: (sink) => stream.attach(sink, ended),
    nextId: () => ++lastId,
    receive(bytes) {
      const scanned = readServerMessage(bytes);
      if (scanned === undefined) {
        log.warn({ bytes: bytes.length }, 'the upstream sent something that is not an MCP message; it was dropped');
        return;
      }
      const { message } = scanned;
      const line = onOneLine(bytes);
      if (isResponse(message)) {
        const exchange = exchanges.get(message.id as number);
        // An answer to nobody: late after a cancellation, or made up.
        if (exchange !== undefined) respond(exchange, scanned, line);
      } else if (isRequest(message)) {
        serverRequest(message, line);
      } else {
        notification(scanned, line);
      }
    },
    dropped(edges) {
      log.warn('the upstream sent a message over the size limit; it was dropped');
      const id = /"id"\s*:\s*(\d{1,15})\s*[,}]/.exec(edges)?.[1];
      const tooLarge = new AppError('upstream_invalid', `"${upstream}" sent an answer over the size limit.`);
      if (id !== undefined) exchanges.get(Number(id))?.broken(tooLarge);
    },
    end(reason) {
      ended = reason;
      for (const exchange of [...exchanges.values()]) exchange.broken(reason);
      stream.end(reason);
    },
  };
}

function newest(exchanges: ReadonlyMap<number, ChannelExchange>): ChannelExchange | undefined {
  let last: ChannelExchange | undefined;
  for (const exchange of exchanges.values()) if (!exchange.subscription) last = exchange;
  return last;
}

/** Puts the caller's id back where `_meta` of `params` or of the result names the subscription. */
function subscriptionEdits(
  bytes: Buffer,
  container: readonly [number, number] | undefined,
  exchange: ChannelExchange,
): Edit[] {
  const meta = container && memberSpan(bytes, container, '_meta');
  const span = meta && memberSpan(bytes, meta, META_SUBSCRIPTION);
  return span === undefined ? [] : [{ span, text: exchange.id }];
}
