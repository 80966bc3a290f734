import type { AppError } from '../errors/app-error.ts';
import type { Secret } from '../lib/secret.ts';
import type { MessageSpans } from '../mcp/json-structure.ts';
import type { Revision } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import type { Upstream } from '../model/upstream.ts';
import type { Challenge } from './oauth/provider/challenge.ts';
import type { SecretFinder } from './secret-search.ts';

/**
 * Receives one answer as HTTP body bytes, whatever transport it came over. Order: `head` once, `data` any number of times,
 * then exactly one of `end` and `fail`; `fail` may also come first or midway. Nothing is called before `exchange()` or
 * `listen()` has returned, and nothing after `abort()` or `cancel()`.
 */
export interface ExchangeSink {
  /** @param status of the upstream's answer; 200 for a stream. 4xx with `json` is a JSON-RPC error of the upstream. */
  head(status: number, contentType: 'json' | 'sse'): void;
  /**
   * @returns false when the consumer is full: reading stops until `Exchange.resume()`. A few more chunks may still come
   * (bytes that were already read), so the consumer must keep them.
   */
  data(chunk: Buffer): boolean;
  end(): void;
  /**
   * `upstream_unavailable`, `upstream_timeout`, `upstream_invalid`, `upstream_busy`, `upstream_credential_rejected`;
   * `session_not_found` when the upstream ended the session of a connection that belongs to one client;
   * `method_not_allowed` when `listen()` finds that the upstream offers no such stream.
   */
  fail(error: AppError): void;
}

export interface Exchange {
  /** The consumer has room again. */
  resume(): void;
  /** Stops now and tells nobody. On modern HTTP closing the stream is the cancellation itself. */
  abort(): void;
  /** Cancels as the era and transport define: `notifications/cancelled` with the id that the upstream knows, or by closing. */
  cancel(reason?: string): void;
}

/** Headers that authenticate one owner to one upstream. Keep the same object while nothing changed: it is a cache key. */
export interface Credential {
  /**
   * Names connection pools, such as `shared:3`: whose it is, and which value that somebody stored or account that
   * somebody connected. A token that is refreshed keeps its id, so that pools and sessions outlive it. No secret.
   */
  readonly id: string;
  readonly headers: readonly (readonly [name: string, value: Secret])[];
  /**
   * For tokens only: what to try in its place after the upstream refused it. Ask once per call, before anything of an
   * answer was passed on. Rejects with AppError, which is then the failure of the call.
   */
  renew?(challenge: Challenge): Promise<Credential>;
  /** For tokens only: finds this one and the one before it in what an upstream sends. The same for all generations. */
  readonly trail?: SecretFinder;
}

export interface OutboundRequest {
  /** One JSON-RPC request as it goes out: name without prefix, `_meta` right for the upstream's revision. */
  readonly body: Buffer;
  /** Of `body`: where ids and names are replaced. */
  readonly spans: MessageSpans;
  readonly method: string;
  /** `params.name` or `params.uri` of tools/call, prompts/get and resources/read. */
  readonly name?: string | undefined;
  /** Flat name, value, …: allow-listed caller headers, Mcp-Param-*, traceparent. */
  readonly headers: readonly string[];
  /** Resolved per call; its headers replace whatever the caller sent. */
  readonly credential: Credential;
  /** Milliseconds without any sign of life; the upstream's own setting when absent. */
  readonly timeoutMs?: number | undefined;
}

export interface UpstreamConnection {
  readonly upstream: Upstream;
  readonly revision: Revision;
  /** Owned by the gateway and used for many callers; else it belongs to one client session. */
  readonly shared: boolean;
  readonly serverInfo: JsonObject;
  readonly capabilities: JsonObject;
  readonly instructions: string | undefined;
  /** Starts at once. Never throws: what goes wrong reaches `sink.fail`. */
  exchange(request: OutboundRequest, sink: ExchangeSink): Exchange;
  /**
   * Sends a notification, or the response to a request of the server. To cancel a request use `Exchange.cancel`, which
   * knows the id on the wire. Rejects with AppError.
   */
  send(message: Buffer, credential: Credential): Promise<void>;
  /**
   * The standalone stream of server messages, as SSE bytes: GET for legacy HTTP, what belongs to no request for a channel.
   * Null when the upstream cannot have one (modern revisions have `subscriptions/listen` instead, which is an exchange).
   */
  listen(sink: ExchangeSink, credential: Credential, lastEventId?: string): Exchange | null;
  /** An id that no other request on this connection has, for requests of the gateway's own. */
  nextId(): number;
  /** Called once when the connection ends by itself: process exit, stream closed, session gone. Not after `close()`. */
  onClosed(listener: (reason: AppError) => void): void;
  /** Ends it: DELETE of the session, end of the SSE stream, end of the process group. Calls under way fail. */
  close(): Promise<void>;
}

/** Bounds of every call to one upstream. Mutable: a configuration reload changes them in place. */
export interface CallLimits {
  /** Milliseconds without any sign of life. */
  timeoutMs: number;
  /** Milliseconds for one call in all, however lively it is. */
  maxDurationMs: number;
  /** Bytes of one JSON answer or of one event. */
  maxResponseBytes: number;
}

/** Methods that are safe to repeat when it is not known whether the upstream got them: reading what it offers. */
export const REPEATABLE_METHODS: ReadonlySet<string> = new Set([
  'ping',
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
]);

/** The one request that is meant to stay open and quiet (2026-07-28, "Subscriptions"). */
export const LISTEN_METHOD = 'subscriptions/listen';
