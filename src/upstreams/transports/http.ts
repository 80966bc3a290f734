import type { Dispatcher } from 'undici';
import { AppError, toAppError } from '../../errors/app-error.ts';
import type { MessageSpans } from '../../mcp/json-structure.ts';
import type { CallGuard } from '../call-guard.ts';
import type { CallLimits, Credential, ExchangeSink } from '../upstream-connection.ts';
import { failureOfError, failureOfStatus } from './http-answer.ts';
import { HttpExchange } from './http-exchange.ts';
import type { HttpExchangeHooks, HttpHost } from './http-exchange-init.ts';
import { createHttpPools } from './http-pools.ts';
import { challengeIn, swapCredential } from './token-renewal.ts';
import { createWatchdog } from './watchdog.ts';

/** One HTTP upstream: its URL, its connection pools, and what posts to it. Nothing here knows of eras or sessions. */
export interface HttpEndpoint {
  readonly url: URL;
  /** Posts one JSON-RPC request; the answer streams to the sink. */
  post(call: HttpCall, sink: ExchangeSink): HttpExchange;
  /** Opens an event stream with GET. */
  stream(call: HttpStreamCall, sink: ExchangeSink): HttpExchange;
  /**
   * Posts a message that is only acknowledged. Rejects with AppError.
   * @param to path and query on the same origin, when it is not the endpoint itself
   */
  notify(body: Buffer, headers: readonly string[], credential: Credential, to?: string): Promise<void>;
  /** Ends the session that the headers name. What the upstream says to it changes nothing. */
  remove(headers: readonly string[], credential: Credential): Promise<void>;
  /** Calls and streams under way. */
  readonly active: number;
  /** Ends everything at once; calls under way fail. */
  close(): Promise<void>;
}

export interface HttpCall {
  readonly body: Buffer;
  readonly spans: MessageSpans;
  /** Flat name, value, …, complete but for `host` and `content-length`. Not changed. */
  readonly headers: readonly string[];
  readonly credential: Credential;
  readonly repeatable: boolean;
  /** `subscriptions/listen`, whose answer stays open. */
  readonly listen: boolean;
  readonly timeoutMs?: number | undefined;
  readonly hooks?: HttpExchangeHooks | undefined;
}

export interface HttpStreamCall {
  readonly headers: readonly string[];
  readonly credential: Credential;
  /** The rest of the answer to a call, which is bounded like the call, instead of a standing stream. */
  readonly rest: boolean;
}

export interface HttpEndpointOptions {
  /** Of the upstream, for messages. */
  readonly name: string;
  readonly url: string;
  readonly limits: CallLimits;
  readonly guard: CallGuard;
  /** Calls at once: the size of a connection pool follows it. */
  readonly maxConcurrent: number;
  readonly connectTimeoutMs?: number;
}

/** Sockets beyond the bulkhead's places, for notifications and cancellations, which must go out when all places are taken. */
const SPARE_CONNECTIONS = 16;
const MAX_IGNORED_BYTES = 64 * 1024;

export function createHttpEndpoint(options: HttpEndpointOptions): HttpEndpoint {
  const url = new URL(options.url);
  const path = `${url.pathname}${url.search}`;
  const pools = createHttpPools(url.origin, {
    connections: options.maxConcurrent + SPARE_CONNECTIONS,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
  });
  const watchdog = createWatchdog();
  const host: HttpHost = { name: options.name, limits: options.limits, guard: options.guard, watchdog };

  /** The status; an answer that asks for another token is taken up once. */
  const plain = async (
    method: 'POST' | 'DELETE',
    body: Buffer | null,
    headers: readonly string[],
    credential: Credential,
    to = path,
    mayRenew = true,
  ): Promise<number> => {
    const timeout = options.limits.timeoutMs;
    let response: Dispatcher.ResponseData;
    try {
      response = await pools.calls(credential.id).request({
        path: to,
        method,
        body,
        headers: headers as string[],
        headersTimeout: timeout,
        bodyTimeout: timeout,
      });
      await response.body.dump({ limit: MAX_IGNORED_BYTES });
    } catch (error) {
      throw failureOfError(options.name, error as Error, false);
    }
    const challenge = mayRenew ? challengeIn(response.statusCode, response.headers, credential) : null;
    if (challenge === null) return response.statusCode;
    const next = await credential.renew!(challenge).catch((error: unknown) => {
      throw toAppError(error);
    });
    return plain(method, body, swapCredential(headers, credential, next), next, to, false);
  };

  return {
    url,
    post(call, sink) {
      const { body, spans } = call;
      const pool = call.listen ? pools.streams(call.credential.id) : pools.calls(call.credential.id);
      const dispatch: Dispatcher.DispatchOptions = { path, method: 'POST', body, headers: call.headers as string[] };
      return new HttpExchange(host, {
        pool,
        options: dispatch,
        credential: call.credential,
        sink,
        repeatable: call.repeatable,
        kind: call.listen ? 'listen' : 'call',
        timeoutMs: call.timeoutMs ?? options.limits.timeoutMs,
        idSpan: spans.id,
        hooks: call.hooks,
      }).start();
    },
    stream(call, sink) {
      return new HttpExchange(host, {
        pool: pools.streams(call.credential.id),
        options: { path, method: 'GET', headers: call.headers as string[] },
        credential: call.credential,
        sink,
        repeatable: true,
        kind: call.rest ? 'rest' : 'stream',
        timeoutMs: options.limits.timeoutMs,
      }).start();
    },
    async notify(body, headers, credential, to) {
      const status = await plain('POST', body, headers, credential, to);
      if (status >= 300) throw failureOfStatus(options.name, status);
    },
    async remove(headers, credential) {
      await plain('DELETE', null, headers, credential).catch((error: unknown) => {
        if (!(error instanceof AppError)) throw error;
      });
    },
    get active() {
      return watchdog.size;
    },
    close: () => pools.destroy(),
  };
}
