import type { Dispatcher } from 'undici';
import { AppError, toAppError } from '../../errors/app-error.ts';
import type { Challenge } from '../oauth/provider/challenge.ts';
import type { Credential, Exchange, ExchangeSink } from '../upstream-connection.ts';
import {
  bodyTypeOf,
  failureOfError,
  failureOfStatus,
  failureOfStream,
  faultIn,
  isSessionLoss,
  type ResponseHeaders,
  rpcErrorOf,
  withId,
} from './http-answer.ts';
import type { HttpExchangeInit, HttpHost } from './http-exchange-init.ts';
import { challengeIn, swapCredential } from './token-renewal.ts';
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
  /** The one in use: after a renewal another than the call began with. */
  credential: Credential;

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
  /** Why the token was refused, while the rest of that answer is passed over. */
  private challenge: Challenge | null = null;
  private renewed = false;

  constructor(host: HttpHost, init: HttpExchangeInit) {
    this.host = host;
    this.init = init;
    this.sink = init.sink;
    this.options = init.options;
    this.credential = init.credential;
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
    this.attempt = 1;
    this.repeat(headers);
  }

  giveUp(error: AppError): void {
    if (this.done) return;
    this.settle();
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
    this.settle();
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
    if (status === 401 || status === 403) {
      // With another token to try, the rest of this answer is passed over first, so that its connection lives.
      this.challenge = this.renewed ? null : challengeIn(status, headers, this.credential);
      if (this.challenge === null) this.fail(failureOfStatus(this.host.name, status, this.renewed), false);
      return;
    }
    const fault = faultIn(status, headers, this.streamOnly);
    if (fault !== undefined) {
      this.refuse(fault);
    } else if (status === 200) {
      this.body = bodyTypeOf(headers['content-type']);
      // An event stream may stay quiet for long; its reader should know that it is open.
      if (this.body === 'sse') this.sendHead(200, 'sse');
    } else if (status >= 400 && status < 500) {
      this.errorBody = [];
    } else {
      this.fail(failureOfStatus(this.host.name, status), status >= 500);
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.done) return;
    this.lastSignAt = performance.now();
    this.received += chunk.length;
    if (this.challenge !== null) {
      // The connection is worth less than what somebody might send for ever.
      if (this.received > MAX_ERROR_BYTES) this.cut();
      return;
    }
    if (this.errorBody !== undefined) {
      if (this.received <= MAX_ERROR_BYTES) this.errorBody.push(chunk);
      else this.fail(failureOfStatus(this.host.name, this.status), false);
      return;
    }
    if (this.body === 'json') {
      if (this.received > this.host.limits.maxResponseBytes) {
        this.refuse(`sent an answer of more than ${this.host.limits.maxResponseBytes} bytes`);
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
    if (this.challenge !== null) {
      this.renew(this.challenge);
    } else if (this.errorBody !== undefined) {
      this.answerError(Buffer.concat(this.errorBody));
    } else if (!this.headed) {
      this.fail(new AppError('upstream_invalid', `"${this.host.name}" sent an empty answer.`), false);
    } else {
      this.settle();
      this.sink.end();
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
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
    if (this.challenge !== null) {
      this.renew(this.challenge);
      return;
    }
    const code = (error as NodeJS.ErrnoException).code;
    const provenSafe = !this.started || (this.init.repeatable && this.status === 0);
    if (provenSafe && this.attempt === 0 && code !== 'UND_ERR_INVALID_ARG') {
      this.attempt = 1;
      this.dispatch();
      return;
    }
    const failure = failureOfError(this.host.name, error, this.started);
    this.settle(code === 'UND_ERR_INVALID_ARG' ? undefined : failure);
    this.sink.fail(failure);
  }

  private repeat(headers: string[]): void {
    this.options = { ...this.options, headers };
    this.errorBody = undefined;
    this.status = 0;
    this.received = 0;
    this.lastSignAt = performance.now();
    this.dispatch();
  }

  /** Only calls with a token come here, and they only when it was refused: the rest pays nothing for this. */
  private renew(challenge: Challenge): void {
    const used = this.credential;
    this.renewed = true;
    this.challenge = null;
    this.controller = undefined;
    // Now the provider is at work; the upstream is not silent.
    this.lastSignAt = Number.POSITIVE_INFINITY;
    used.renew!(challenge).then(
      (next) => {
        if (this.done) return;
        this.credential = next;
        this.repeat(swapCredential(this.options.headers as string[], used, next));
      },
      (error: unknown) => this.giveUp(toAppError(error)),
    );
  }

  private answerError(body: Buffer): void {
    const { status } = this;
    const error = rpcErrorOf(body);
    if (isSessionLoss(status, error) && this.attempt === 0 && this.init.hooks?.onSessionLost?.(this)) return;
    if (error === undefined || this.streamOnly) {
      this.fail((this.streamOnly ? failureOfStream : failureOfStatus)(this.host.name, status), false);
      return;
    }
    this.sendHead(status, 'json');
    this.sink.data(error.id == null ? withId(error, this.options.body as Buffer, this.init.idSpan) : body);
    this.settle();
    this.sink.end();
  }

  private sendHead(status: number, body: 'json' | 'sse'): void {
    this.headed = true;
    if (!this.bounded) this.timeoutMs = Number.POSITIVE_INFINITY;
    this.sink.head(status, body);
  }

  private refuse(what: string): void {
    const data = { upstreamStatus: this.status };
    this.fail(new AppError('upstream_invalid', `"${this.host.name}" ${what}.`, { data }), false);
  }

  /** Ends it from our side: the rest of the answer is not read. */
  private fail(error: AppError, blame: boolean): void {
    this.settle(blame ? error : undefined);
    this.cut();
    this.sink.fail(error);
  }

  private cut(): void {
    this.controller?.abort(new Error('The gateway ended the request.'));
  }

  private settle(blame?: AppError): void {
    this.done = true;
    this.host.watchdog.delete(this);
    if (this.guarded) this.host.guard.leave(blame);
  }
}
