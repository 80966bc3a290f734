import type { Dispatcher } from 'undici';
import { AppError } from '../../errors/app-error.ts';
import type { JsonObject } from '../../model/json.ts';
import type { Exchange, ExchangeSink } from '../upstream-connection.ts';
import {
  bodyTypeOf,
  failureOfError,
  failureOfStatus,
  isEncoded,
  isSessionLoss,
  type ResponseHeaders,
  rpcErrorOf,
} from './http-answer.ts';
import type { HttpExchangeInit, HttpHost } from './http-exchange-init.ts';
import { timeoutError, type Watched } from './watchdog.ts';

/** An HTTP error body up to this size is read for a JSON-RPC error. */
const MAX_ERROR_BYTES = 1024 * 1024;

/**
 * One HTTP request and its answer, streamed to the sink. It is the undici handler, the watched call and the Exchange in
 * one object, and adds no promise and no closure per call: this is the hot path.
 */
export class HttpExchange implements Dispatcher.DispatchHandler, Exchange, Watched {
  readonly startedAt = performance.now();
  lastSignAt = this.startedAt;
  timeoutMs: number;
  readonly maxDurationMs: number;
  held = false;
  bagIndex = -1;

  private readonly host: HttpHost;
  private readonly init: HttpExchangeInit;
  private readonly sink: ExchangeSink;
  private readonly bounded: boolean;
  private readonly streamOnly: boolean;
  private options: Dispatcher.DispatchOptions;
  private controller: Dispatcher.DispatchController | undefined;
  private attempt = 0;
  private dispatching = false;
  /** The request was handed to a socket: from here on the upstream may have got it. */
  private started = false;
  private guarded = false;
  private done = false;
  private headed = false;
  private body: 'json' | 'sse' | undefined;
  private status = 0;
  private received = 0;
  /** Collected only for an HTTP error that may carry a JSON-RPC error. */
  private errorBody: Buffer[] | undefined;

  constructor(host: HttpHost, init: HttpExchangeInit) {
    this.host = host;
    this.init = init;
    this.sink = init.sink;
    this.options = init.options;
    this.timeoutMs = init.timeoutMs;
    this.bounded = init.kind === 'call' || init.kind === 'rest';
    this.streamOnly = init.kind === 'stream' || init.kind === 'rest';
    this.maxDurationMs = this.bounded ? host.limits.maxDurationMs : Number.POSITIVE_INFINITY;
  }

  start(): this {
    if (this.bounded) {
      const refusal = this.host.guard.enter();
      if (refusal !== undefined) {
        this.done = true;
        queueMicrotask(() => this.sink.fail(refusal));
        return this;
      }
      this.guarded = true;
    }
    this.host.watchdog.add(this);
    this.dispatch();
    return this;
  }

  /** Sends the request again with new headers; only after `onSessionLost`. */
  redispatch(headers: string[]): void {
    if (this.done) return;
    this.options = { ...this.options, headers };
    this.attempt = 1;
    this.errorBody = undefined;
    this.received = 0;
    this.lastSignAt = performance.now();
    this.dispatch();
  }

  giveUp(error: AppError): void {
    if (this.done) return;
    this.settle(false);
    this.sink.fail(error);
  }

  resume(): void {
    if (!this.held) return;
    this.held = false;
    this.lastSignAt = performance.now();
    this.controller?.resume();
  }

  abort(): void {
    if (this.done) return;
    this.settle(false);
    this.cut();
  }

  cancel(reason?: string): void {
    if (this.done) return;
    this.init.hooks?.onCancel?.(reason);
    this.abort();
  }

  expire(why: 'silent' | 'too-long'): void {
    if (this.done) return;
    this.init.hooks?.onCancel?.('timeout');
    this.fail(timeoutError(this.host.name, this, why), true);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    // The caller left while the connection was being opened: nothing has been written, and nothing will be.
    if (this.done) controller.abort(new Error('The caller is gone.'));
    else this.started = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: ResponseHeaders): void {
    this.lastSignAt = performance.now();
    if (this.done || status < 200) return;
    this.status = status;
    this.init.hooks?.onHead?.(status, headers);
    if (this.guarded && status < 500) this.host.guard.alive();
    if (isEncoded(headers['content-encoding'])) {
      const encoding = String(headers['content-encoding']).slice(0, 40);
      this.refuse(`"${this.host.name}" sent an encoded body (${encoding}), though it was asked not to.`);
      return;
    }
    const body = bodyTypeOf(headers['content-type']);
    if (status === 200 && body !== undefined && (body === 'sse' || !this.streamOnly)) {
      this.body = body;
      // An event stream may stay quiet for long; its reader should know that it is open.
      if (body === 'sse') this.sendHead(200, 'sse');
    } else if (status < 300) {
      const what =
        body === undefined && status === 200
          ? 'with a content type that is not MCP'
          : `HTTP ${status} without an answer`;
      this.refuse(`"${this.host.name}" answered a request ${what}.`);
    } else if (status >= 400 && status < 500 && status !== 401 && status !== 403) {
      this.errorBody = [];
    } else {
      this.fail(failureOfStatus(this.host.name, status), status >= 500);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.done) return;
    this.lastSignAt = performance.now();
    this.received += chunk.length;
    if (this.errorBody !== undefined) {
      if (this.received <= MAX_ERROR_BYTES) this.errorBody.push(chunk);
      else this.fail(failureOfStatus(this.host.name, this.status), false);
      return;
    }
    if (this.body === 'json') {
      if (this.received > this.host.limits.maxResponseBytes) {
        this.refuse(`"${this.host.name}" sent an answer of more than ${this.host.limits.maxResponseBytes} bytes.`);
        return;
      }
      if (!this.headed) this.sendHead(200, 'json');
    }
    if (!this.sink.data(chunk) && !this.done) {
      this.held = true;
      controller.pause();
    }
  }

  onResponseEnd(): void {
    if (this.done) return;
    if (this.errorBody !== undefined) {
      this.answerError(Buffer.concat(this.errorBody));
    } else if (!this.headed) {
      this.fail(new AppError('upstream_invalid', `"${this.host.name}" sent an empty answer.`), false);
    } else {
      this.settle(false);
      this.sink.end();
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.done) return;
    // undici reports an invalid request from within dispatch(), when the caller has no Exchange yet.
    if (this.dispatching) queueMicrotask(() => this.broken(error));
    else this.broken(error);
  }

  private dispatch(): void {
    this.started = false;
    this.controller = undefined;
    this.dispatching = true;
    this.init.pool.dispatch(this.options, this);
    this.dispatching = false;
  }

  private broken(error: Error): void {
    if (this.done) return;
    const code = (error as NodeJS.ErrnoException).code;
    const provenSafe = !this.started || (this.init.repeatable && this.status === 0);
    if (provenSafe && this.attempt === 0 && code !== 'UND_ERR_INVALID_ARG') {
      this.attempt = 1;
      this.dispatch();
      return;
    }
    this.settle(code !== 'UND_ERR_INVALID_ARG');
    this.sink.fail(failureOfError(this.host.name, error, this.started));
  }

  private answerError(body: Buffer): void {
    const { status } = this;
    const error = rpcErrorOf(body);
    if (isSessionLoss(status, error) && this.attempt === 0 && this.init.hooks?.onSessionLost?.(this)) return;
    if (error === undefined || this.streamOnly) {
      const absent = this.streamOnly && (status === 405 || status === 404);
      this.fail(
        absent
          ? new AppError('method_not_allowed', `"${this.host.name}" offers no standing stream of messages.`)
          : failureOfStatus(this.host.name, status),
        false,
      );
      return;
    }
    this.sendHead(status, 'json');
    this.sink.data(error.id == null ? this.withId(error) : body);
    this.settle(false);
    this.sink.end();
  }

  private withId(error: JsonObject): Buffer {
    const { idSpan } = this.init;
    const id = idSpan === undefined ? null : JSON.parse((this.options.body as Buffer).toString('utf8', ...idSpan));
    return Buffer.from(JSON.stringify({ ...error, id }));
  }

  private sendHead(status: number, body: 'json' | 'sse'): void {
    this.headed = true;
    if (!this.bounded) this.timeoutMs = Number.POSITIVE_INFINITY;
    this.sink.head(status, body);
  }

  private refuse(detail: string): void {
    this.fail(new AppError('upstream_invalid', detail, { data: { upstreamStatus: this.status } }), false);
  }

  /** Ends it from our side: the rest of the answer is not read. */
  private fail(error: AppError, blame: boolean): void {
    this.settle(blame);
    this.cut();
    this.sink.fail(error);
  }

  private cut(): void {
    this.controller?.abort(new Error('The gateway ended the request.'));
  }

  private settle(failed: boolean): void {
    this.done = true;
    this.host.watchdog.delete(this);
    if (this.guarded) this.host.guard.leave(failed);
  }
}
