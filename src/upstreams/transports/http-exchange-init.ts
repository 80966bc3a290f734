import type { Dispatcher } from 'undici';
import type { Span } from '../../mcp/json-structure.ts';
import type { CallGuard } from '../call-guard.ts';
import type { CallLimits, Credential, ExchangeSink } from '../upstream-connection.ts';
import type { ResponseHeaders } from './http-answer.ts';
import type { HttpExchange } from './http-exchange.ts';
import type { Watchdog } from './watchdog.ts';

/** What all exchanges with one upstream share. */
export interface HttpHost {
  readonly name: string;
  readonly limits: CallLimits;
  readonly guard: CallGuard;
  readonly watchdog: Watchdog;
}

/** What a connection adds to a plain exchange; absent on the hot path of modern HTTP. */
export interface HttpExchangeHooks {
  /** The first look at an answer, for its headers. */
  onHead?(status: number, headers: ResponseHeaders): void;
  /**
   * The upstream says that it does not know the session, so it has not processed the request.
   * @returns true when the hook goes on: by `redispatch`, or by `giveUp`.
   */
  onSessionLost?(exchange: HttpExchange): boolean;
  /** The caller cancelled, or a limit was reached: tell the upstream if its era has a message for it. */
  onCancel?(reason: string | undefined): void;
}

/**
 * `call`: a request with an answer. `rest`: a GET for the rest of the answer to a call. These two are bounded in time and
 * take a place in the bulkhead. `listen`: a request whose answer stays open (`subscriptions/listen`). `stream`: a GET for
 * messages that belong to no request. These two may stay quiet once open.
 */
export type HttpExchangeKind = 'call' | 'rest' | 'listen' | 'stream';

export interface HttpExchangeInit {
  readonly pool: Dispatcher;
  readonly options: Dispatcher.DispatchOptions;
  /** What the headers in `options` hold. */
  readonly credential: Credential;
  readonly sink: ExchangeSink;
  /** Repeat once when the connection breaks before an answer, though the upstream may have got it. */
  readonly repeatable: boolean;
  readonly kind: HttpExchangeKind;
  readonly timeoutMs: number;
  /** The request's `id` in `options.body`; put into an error answer that came without one. */
  readonly idSpan?: Span | undefined;
  readonly hooks?: HttpExchangeHooks | undefined;
}
