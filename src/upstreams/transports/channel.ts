import type { Logger } from 'pino';
import { AppError } from '../../errors/app-error.ts';
import type { Span } from '../../mcp/json-structure.ts';
import { isObject, isRequest, isResponse, type JsonRpcRequest } from '../../mcp/message.ts';
import { META_SUBSCRIPTION } from '../../mcp/revision.ts';
import type { ScannedMessage } from '../../mcp/scan-message.ts';
import { type Edit, splice } from '../../mcp/splice.ts';
import type { CallGuard } from '../call-guard.ts';
import type { CallLimits, Credential, Exchange, ExchangeSink, OutboundRequest } from '../upstream-connection.ts';
import { ChannelExchange } from './channel-exchange.ts';
import { ChannelStream } from './channel-stream.ts';
import { memberSpan } from './member-span.ts';
import { answerOnBehalfOfNobody, isServerWide, onOneLine, readServerMessage } from './server-message.ts';
import { createWatchdog } from './watchdog.ts';

export interface ChannelOptions {
  /** Name of the upstream, for messages. */
  readonly upstream: string;
  readonly shared: boolean;
  readonly limits: CallLimits;
  readonly guard: CallGuard;
  readonly log: Logger;
  /**
   * Sends one message, which is on one line, without a line break after it. A rejection fails the request it belongs to.
   * @param credential of the request, for a transport that sends every message by itself
   */
  readonly write: (message: Buffer, credential: Credential | undefined) => Promise<void>;
}

/**
 * One stream of messages in each direction that many requests share: stdio, and HTTP+SSE of 2024-11-05. Every request
 * goes out with an id of the channel's own, which is its progress token, too, and what comes back goes to exactly the
 * exchange that has it, with the caller's own values put back in place: two callers with the same id cannot meet. The
 * bytes of a message are otherwise passed on as they are.
 */
export class Channel {
  private readonly options: ChannelOptions;
  private readonly exchanges = new Map<number, ChannelExchange>();
  private readonly watchdog = createWatchdog();
  private readonly stream = new ChannelStream();
  private lastId = 0;
  private ended: AppError | undefined;

  constructor(options: ChannelOptions) {
    this.options = options;
  }

  nextId(): number {
    return ++this.lastId;
  }

  exchange(request: OutboundRequest, sink: ExchangeSink): Exchange {
    const wireId = this.nextId();
    const exchange = new ChannelExchange({
      upstream: this.options.upstream,
      request,
      sink,
      limits: this.options.limits,
      guard: this.options.guard,
      onDone: () => {
        this.exchanges.delete(wireId);
        this.watchdog.delete(exchange);
      },
      tellCancelled: (reason) => {
        const why = reason === undefined ? '' : `,"reason":${JSON.stringify(reason)}`;
        const params = `{"requestId":${wireId}${why}}`;
        this.tell(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`, request.credential);
      },
    });
    if (!exchange.start(this.ended)) return exchange;
    this.exchanges.set(wireId, exchange);
    this.watchdog.add(exchange);
    const { id, progressToken } = request.spans;
    const edits: Edit[] = [{ span: id!, text: String(wireId) }];
    if (progressToken !== undefined) edits.push({ span: progressToken, text: String(wireId) });
    const body = onOneLine(splice(request.body, edits));
    this.options.write(body, request.credential).catch((error: unknown) => exchange.broken(error));
    return exchange;
  }

  async send(message: Buffer, credential: Credential): Promise<void> {
    if (this.ended !== undefined) throw this.ended;
    await this.options.write(onOneLine(message), credential);
  }

  /** What the server says that belongs to no request. */
  listen(sink: ExchangeSink): Exchange {
    return this.stream.attach(sink, this.ended);
  }

  /** One message of the server, as it came. */
  receive(bytes: Buffer): void {
    const scanned = readServerMessage(bytes);
    if (scanned === undefined) {
      this.options.log.warn({ bytes: bytes.length }, 'the upstream sent something that is no MCP message; dropped');
      // Whoever waits for it would wait until the timeout.
      const invalid = new AppError('upstream_invalid', `"${this.options.upstream}" gave no valid answer.`);
      this.exchanges.get(idOfAnswer(bytes))?.broken(invalid);
      return;
    }
    const { message, spans } = scanned;
    const line = onOneLine(bytes);
    if (isRequest(message)) {
      this.serverRequest(message, line);
    } else if (isResponse(message)) {
      const exchange = this.exchanges.get(message.id as number);
      // An answer to nobody: late after a cancellation, or made up.
      if (exchange === undefined) return;
      const edits: Edit[] = [{ span: spans.id!, text: exchange.id }];
      if (exchange.subscription) edits.push(...subscriptionEdits(line, spans.result, exchange));
      exchange.answer(splice(line, edits), message);
    } else {
      this.notification(scanned, line);
    }
  }

  /** A message of the server was thrown away for its size. @param edges its first and last bytes */
  dropped(edges: string): void {
    this.options.log.warn('the upstream sent a message over the size limit; dropped');
    const id = (ID_AT_START.exec(edges) ?? ID_AT_END.exec(edges))?.[1];
    const { upstream } = this.options;
    const tooLarge = new AppError('upstream_invalid', `"${upstream}" sent an answer over the size limit.`);
    if (id !== undefined) this.exchanges.get(Number(id))?.broken(tooLarge);
  }

  /** The channel is gone: all exchanges and the stream fail, and so does what comes later. */
  end(reason: AppError): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    for (const exchange of [...this.exchanges.values()]) exchange.broken(reason);
    this.stream.end(reason);
  }

  /**
   * On a client's own connection the server asks that client: over the answer that is open (it most likely belongs to it;
   * the channel does not say), else over the standing stream.
   */
  private serverRequest(request: JsonRpcRequest, bytes: Buffer): void {
    if (this.options.shared) this.tell(answerOnBehalfOfNobody(request), undefined);
    else (this.newestCall() ?? this.stream).message(bytes);
  }

  private notification(scanned: ScannedMessage, bytes: Buffer): void {
    const { message } = scanned;
    const method = 'method' in message ? message.method : '';
    const owned = this.ownerOf(scanned, bytes);
    if (owned !== undefined) {
      if (owned.edits === undefined) return;
      owned.exchange.message(splice(bytes, owned.edits));
      // The server ends a subscription by cancelling it (2026-07-28, "Cancellation").
      if (method === 'notifications/cancelled') owned.exchange.finish();
      return;
    }
    // Of a request that is over or never was: nobody else's business.
    if (method === 'notifications/progress' || (method === 'notifications/cancelled' && this.options.shared)) return;
    const only =
      this.exchanges.size === 1 && !this.options.shared && !isServerWide(message) ? this.newestCall() : undefined;
    (only ?? this.stream).message(bytes);
  }

  /**
   * The exchange that a notification names, and the edits that make it the caller's own. No edits: the caller did not ask
   * for such a notification.
   */
  private ownerOf(
    { message, spans }: ScannedMessage,
    bytes: Buffer,
  ): { exchange: ChannelExchange; edits: Edit[] | undefined } | undefined {
    if (!('method' in message)) return undefined;
    const { params } = message;
    const meta = isObject(params?._meta) ? params._meta : {};
    if (META_SUBSCRIPTION in meta) {
      const exchange = this.exchanges.get(meta[META_SUBSCRIPTION] as number);
      return exchange && { exchange, edits: subscriptionEdits(bytes, spans.params, exchange) };
    }
    if (message.method === 'notifications/progress') {
      const exchange = this.exchanges.get(params?.progressToken as number);
      const span = exchange && memberSpan(bytes, spans.params!, 'progressToken');
      if (exchange === undefined || span === undefined) return undefined;
      return {
        exchange,
        edits: exchange.progressToken === undefined ? undefined : [{ span, text: exchange.progressToken }],
      };
    }
    if (message.method === 'notifications/cancelled' && spans.requestId !== undefined) {
      const exchange = this.exchanges.get(params?.requestId as number);
      // Only a subscription can be cancelled by the server; else the number is an id of a request of the server's own.
      if (exchange?.subscription) return { exchange, edits: [{ span: spans.requestId, text: exchange.id }] };
    }
    return undefined;
  }

  private newestCall(): ChannelExchange | undefined {
    let newest: ChannelExchange | undefined;
    for (const exchange of this.exchanges.values()) if (!exchange.subscription) newest = exchange;
    return newest;
  }

  private tell(message: string | Buffer, credential: Credential | undefined): void {
    this.options.write(Buffer.from(message), credential).catch((error: unknown) => {
      this.options.log.debug({ err: error }, 'a message to the upstream was lost');
    });
  }
}

/** Of an answer that is no valid message (such as one with `result` and `error`): its id if it can be told, else NaN. */
function idOfAnswer(bytes: Buffer): number {
  try {
    const answer: unknown = JSON.parse(bytes.toString('utf8'));
    return isObject(answer) && !('method' in answer) && typeof answer.id === 'number' ? answer.id : Number.NaN;
  } catch {
    const text = bytes.toString('latin1');
    return Number((ID_AT_START.exec(text) ?? ID_AT_END.exec(text))?.[1] ?? Number.NaN);
  }
}

/** Where an `id` of the message itself can be told from one within its result, when only its edges are known. */
const ID_AT_START = /^\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*,/;
const ID_AT_END = /,\s*"id"\s*:\s*(\d{1,15})\s*\}\s*$/;

/** Puts the caller's id back where `_meta` of the params or of the result names the subscription. */
function subscriptionEdits(bytes: Buffer, container: Span | undefined, exchange: ChannelExchange): Edit[] {
  const meta = container && memberSpan(bytes, container, '_meta');
  const span = meta && memberSpan(bytes, meta, META_SUBSCRIPTION);
  return span === undefined ? [] : [{ span, text: exchange.id }];
}
