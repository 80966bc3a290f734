import { AppError, toAppError } from '../../errors/app-error.ts';
import type { JsonRpcResponse } from '../../mcp/message.ts';
import { writeSseEvent } from '../../mcp/sse.ts';
import type { CallGuard } from '../call-guard.ts';
import {
  type CallLimits,
  type Exchange,
  type ExchangeSink,
  LISTEN_METHOD,
  type OutboundRequest,
} from '../upstream-connection.ts';
import { timeoutError, type Watched } from './watchdog.ts';

export interface ChannelExchangeOptions {
  readonly upstream: string;
  readonly request: OutboundRequest;
  readonly sink: ExchangeSink;
  readonly limits: CallLimits;
  readonly guard: CallGuard;
  /** It is over, however it ended. */
  readonly onDone: () => void;
  readonly tellCancelled: (reason: string | undefined) => void;
}

/** Bytes that wait for a consumer that is full; a channel cannot be paused for one of its callers. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** HTTP statuses of errors that 2026-07-28 gives one, so that an answer is the same over every transport. */
const STATUS_OF_ERROR: Readonly<Record<number, number>> = {
  [-32601]: 404,
  [-32020]: 400,
  [-32021]: 400,
  [-32022]: 400,
};

/**
 * One request on a channel. It turns what comes for it into HTTP body bytes: one JSON document when the response comes
 * first, else an event stream that ends with the response.
 */
export class ChannelExchange implements Exchange, Watched {
  readonly startedAt = performance.now();
  lastSignAt = this.startedAt;
  readonly timeoutMs: number;
  readonly maxDurationMs: number;
  held = false;
  bagIndex = -1;
  /** The caller's id and progress token, as JSON text. */
  readonly id: string;
  readonly progressToken: string | undefined;
  /** `subscriptions/listen`: stays open and quiet, takes no place in the bulkhead. */
  readonly subscription: boolean;

  private readonly options: ChannelExchangeOptions;
  private guarded = false;
  private done = false;
  private headed = false;
  private finishing = false;
  private waiting: Buffer[] = [];
  private waitingBytes = 0;

  constructor(options: ChannelExchangeOptions) {
    const { request, limits } = options;
    const { id, progressToken } = request.spans;
    this.options = options;
    this.id = request.body.toString('utf8', ...id!);
    this.progressToken = progressToken && request.body.toString('utf8', ...progressToken);
    this.subscription = request.method === LISTEN_METHOD;
    this.timeoutMs = this.subscription ? Number.POSITIVE_INFINITY : (request.timeoutMs ?? limits.timeoutMs);
    this.maxDurationMs = this.subscription ? Number.POSITIVE_INFINITY : limits.maxDurationMs;
  }

  /** @returns false when it must not go out; the sink will hear why. */
  start(ended: AppError | undefined): boolean {
    const refusal = ended ?? (this.subscription ? undefined : this.options.guard.enter());
    if (refusal === undefined) {
      this.guarded = !this.subscription;
      return true;
    }
    this.done = true;
    queueMicrotask(() => this.options.sink.fail(refusal));
    return false;
  }

  resume(): void {
    if (!this.held) return;
    this.held = false;
    this.lastSignAt = performance.now();
    const waiting = this.waiting;
    this.waiting = [];
    this.waitingBytes = 0;
    for (const event of waiting) this.write(event);
    if (this.finishing && !this.held) this.finish();
  }

  abort(): void {
    if (!this.done) this.settle();
  }

  cancel(reason?: string): void {
    if (this.done) return;
    this.options.tellCancelled(reason);
    this.settle();
  }

  expire(why: 'silent' | 'too-long'): void {
    this.options.tellCancelled('timeout');
    const failure = timeoutError(this.options.upstream, this, why);
    this.settle(failure);
    this.options.sink.fail(failure);
  }

  /** The response, with the caller's id in it: the end of this exchange. */
  answer(bytes: Buffer, response: JsonRpcResponse): void {
    if (this.done) return;
    if (this.guarded) this.options.guard.alive();
    if (this.headed) {
      this.message(bytes);
    } else {
      this.headed = true;
      this.options.sink.head(STATUS_OF_ERROR[response.error?.code ?? 0] ?? 200, 'json');
      if (!this.done) this.options.sink.data(bytes);
    }
    this.finish();
  }

  /** A message before the response. */
  message(bytes: Buffer): void {
    if (this.done) return;
    this.lastSignAt = performance.now();
    if (this.guarded) this.options.guard.alive();
    if (!this.headed) {
      this.headed = true;
      this.options.sink.head(200, 'sse');
    }
    this.write(Buffer.from(writeSseEvent({ event: 'message', data: bytes })));
  }

  /** Ends it once the consumer has taken everything. */
  finish(): void {
    if (this.done) return;
    if (this.waiting.length > 0) {
      this.finishing = true;
      return;
    }
    this.settle();
    this.options.sink.end();
  }

  /** The channel broke, or the request could not be written. */
  broken(error: unknown): void {
    if (this.done) return;
    const failure = toAppError(error);
    this.settle(failure.code === 'upstream_unavailable' ? failure : undefined);
    this.options.sink.fail(failure);
  }

  private write(event: Buffer): void {
    if (this.done) return;
    if (!this.held) {
      this.held = !this.options.sink.data(event);
      return;
    }
    this.waiting.push(event);
    this.waitingBytes += event.length;
    if (this.waitingBytes <= MAX_WAITING_BYTES) return;
    this.options.tellCancelled('too slow');
    this.settle();
    this.options.sink.fail(new AppError('upstream_busy', 'The answer came faster than it was read; it was given up.'));
  }

  private settle(blame?: AppError): void {
    this.done = true;
    this.waiting = [];
    this.options.onDone();
    if (this.guarded) this.options.guard.leave(blame);
  }
}
