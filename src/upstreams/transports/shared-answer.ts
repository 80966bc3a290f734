import { AppError } from '../../errors/app-error.ts';
import { isNotification, isRequest, isResponse, type JsonRpcMessage } from '../../mcp/message.ts';
import { splice } from '../../mcp/splice.ts';
import { createSseReader, type SseEvent, writeSseEvent } from '../../mcp/sse.ts';
import type { CallLimits, Exchange, ExchangeSink } from '../upstream-connection.ts';
import { createIdRestorer, type IdRestorer } from './id-restorer.ts';
import { memberSpan } from './member-span.ts';
import { answerOnBehalfOfNobody, isServerWide, onOneLine, readServerMessage } from './server-message.ts';

export interface SharedAnswerOptions {
  readonly upstream: string;
  readonly sink: ExchangeSink;
  /** The number that went out in place of the caller's id and progress token. */
  readonly wireId: number;
  /** The caller's own, as JSON text. */
  readonly id: string;
  readonly progressToken: string | undefined;
  readonly limits: CallLimits;
  /** Sends an answer to a request of the server. */
  readonly reply: (message: Buffer) => void;
  readonly onServerMessage: (message: JsonRpcMessage) => void;
  /** Opens the rest of an answer that broke off after the event with this id. */
  readonly rest: (sink: ExchangeSink, lastEventId: string) => Exchange;
  readonly tellCancelled: (reason: string | undefined) => void;
}

const DEFAULT_RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;
/** Reconnections in a row that bring no event. */
const MAX_FRUITLESS = 5;

/**
 * The answer to one caller on a legacy HTTP session that many callers share. It stands between the upstream and the
 * caller's sink: it puts the caller's id and progress token back, keeps the server's own requests and what concerns other
 * callers away from it, and fetches the rest of an event stream that the server broke off to be polled (2025-11-25,
 * "Sending Messages to the Server", 6), because the caller knows nothing of that session.
 */
export class SharedAnswer implements ExchangeSink, Exchange {
  private readonly options: SharedAnswerOptions;
  private readonly startedAt = performance.now();
  private current: Exchange | undefined;
  private restorer: IdRestorer | undefined;
  private reader: ReturnType<typeof createSseReader> | undefined;
  private headed = false;
  private answered = false;
  private done = false;
  private lastEventId: string | undefined;
  private retryMs = DEFAULT_RETRY_MS;
  private fruitless = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: SharedAnswerOptions) {
    this.options = options;
  }

  /** @param exchange that feeds this. */
  over(exchange: Exchange): this {
    this.current = exchange;
    return this;
  }

  resume(): void {
    this.current?.resume();
  }

  abort(): void {
    this.done = true;
    clearTimeout(this.timer);
    this.current?.abort();
  }

  cancel(reason?: string): void {
    if (this.done) return;
    this.options.tellCancelled(reason);
    this.abort();
  }

  head(status: number, contentType: 'json' | 'sse'): void {
    const { options } = this;
    if (contentType === 'sse') this.reader = createSseReader({ maxEventBytes: options.limits.maxResponseBytes });
    else this.restorer = createIdRestorer(options.wireId, options.id, options.progressToken);
    if (this.headed) return;
    this.headed = true;
    options.sink.head(status, contentType);
  }

  data(chunk: Buffer): boolean {
    if (this.done) return true;
    if (this.restorer !== undefined) {
      const ready = this.restorer.push(chunk);
      return ready.length === 0 || this.options.sink.data(ready);
    }
    let room = true;
    try {
      for (const event of this.reader!.push(chunk)) {
        const bytes = this.pass(event);
        if (bytes !== undefined && !this.done && !this.options.sink.data(bytes)) room = false;
      }
    } catch (error) {
      this.current?.abort();
      this.finish(error as AppError);
    }
    return room;
  }

  end(): void {
    if (this.done) return;
    if (this.restorer !== undefined) {
      const tail = this.restorer.flush();
      if (tail.length > 0) this.options.sink.data(tail);
      this.finish(undefined);
    } else if (this.answered) {
      this.finish(undefined);
    } else {
      this.interrupted(
        new AppError('upstream_invalid', `"${this.options.upstream}" ended its event stream without an answer.`),
      );
    }
  }

  fail(error: AppError): void {
    if (this.done) return;
    if (this.reader !== undefined && error.code !== 'upstream_timeout') this.interrupted(error);
    else this.finish(error);
  }

  /** The bytes of this event for the caller, if it is for the caller. */
  private pass(event: SseEvent): Buffer | undefined {
    if (event.id !== undefined) this.lastEventId = event.id;
    this.fruitless = 0;
    if (event.data === undefined || event.data.length === 0) {
      const retry = /(?:^|[\r\n])retry: ?(\d{1,9})[\r\n]/.exec(event.raw.toString('latin1', 0, 1024))?.[1];
      if (retry !== undefined) this.retryMs = Math.min(Number(retry), MAX_RETRY_MS);
      // Comments keep connections open. The ids of the server's events mean nothing to the caller.
      return event.raw[0] === 0x3a ? event.raw : undefined;
    }
    const scanned = readServerMessage(event.data);
    if (scanned === undefined) return undefined;
    const { message, spans } = scanned;
    const { wireId, id, progressToken } = this.options;
    if (isRequest(message)) {
      this.options.reply(answerOnBehalfOfNobody(message));
      return undefined;
    }
    if (isResponse(message)) {
      if (message.id !== wireId) return undefined;
      this.answered = true;
      return toEvent(splice(event.data, [{ span: spans.id!, text: id }]));
    }
    if (isServerWide(message)) {
      this.options.onServerMessage(message);
      return undefined;
    }
    if (isNotification(message) && message.method === 'notifications/progress') {
      // Another caller's progress, or one that nobody asked for.
      if (message.params?.progressToken !== wireId || progressToken === undefined) return undefined;
      return toEvent(
        splice(event.data, [{ span: memberSpan(event.data, spans.params!, 'progressToken')!, text: progressToken }]),
      );
    }
    return toEvent(event.data);
  }

  private interrupted(error: AppError): void {
    const { lastEventId, options } = this;
    const late = performance.now() - this.startedAt > options.limits.maxDurationMs;
    if (lastEventId === undefined || late || this.fruitless >= MAX_FRUITLESS) {
      this.finish(error);
      return;
    }
    this.fruitless++;
    this.timer = setTimeout(() => {
      this.current = options.rest(this, lastEventId);
    }, this.retryMs);
  }

  private finish(error: AppError | undefined): void {
    this.done = true;
    if (error === undefined) this.options.sink.end();
    else this.options.sink.fail(error);
  }
}

function toEvent(message: Buffer): Buffer {
  return Buffer.from(writeSseEvent({ event: 'message', data: onOneLine(message) }));
}
