import { AppError, toAppError } from '../../errors/app-error.ts';
import type { Span } from '../../mcp/json-structure.ts';
import { splice } from '../../mcp/splice.ts';
import {
  type Credential,
  type Exchange,
  type ExchangeSink,
  type OutboundRequest,
  REPEATABLE_METHODS,
  type UpstreamConnection,
} from '../upstream-connection.ts';
import type { UpstreamContext } from '../upstream-context.ts';
import type { HttpEndpoint } from './http.ts';
import type { HttpExchange } from './http-exchange.ts';
import type { HttpExchangeHooks } from './http-exchange-init.ts';
import { type LegacySession, type LegacySessionOptions, openLegacySession } from './legacy-session.ts';
import { SharedAnswer } from './shared-answer.ts';

/**
 * Opens a connection to a Streamable HTTP server of 2025-03-26 to 2025-11-25, whether or not it hands out a session id.
 *
 * On a shared connection many callers use one session, so their ids and progress tokens are replaced by numbers that are
 * unique in it: two callers with id 0 could otherwise get one another's answer (CVE-2026-25536 is that fault in servers).
 * When the server no longer knows the session, a shared one is opened again and the request repeated once (404 says that
 * it was not processed); a client's own one ends, for its state is gone.
 */
export async function openHttpLegacySession(
  context: UpstreamContext,
  endpoint: HttpEndpoint,
  options: LegacySessionOptions,
): Promise<UpstreamConnection> {
  const connection = new LegacyConnection(context, endpoint, options);
  const session = await connection.open();
  return {
    upstream: context.upstream,
    ...session.handshake,
    shared: options.shared,
    exchange: (request, sink) =>
      options.shared ? connection.exchangeShared(request, sink) : connection.exchange(request, sink),
    send: (message, credential) => connection.send(message, credential),
    listen: (sink, credential, lastEventId) => connection.stream(sink, credential, lastEventId, false),
    nextId: options.nextId,
    onClosed: (listener) => connection.closedListeners.push(listener),
    close: () => connection.close(),
  };
}

class LegacyConnection {
  readonly closedListeners: ((reason: AppError) => void)[] = [];
  private readonly context: UpstreamContext;
  private readonly endpoint: HttpEndpoint;
  private readonly options: LegacySessionOptions;
  private session!: LegacySession;
  private reopening: Promise<void> | undefined;
  private closed = false;
  /** The one of the last call, for what nobody calls for: the session outlives tokens. */
  private credential: Credential;

  constructor(context: UpstreamContext, endpoint: HttpEndpoint, options: LegacySessionOptions) {
    this.context = context;
    this.endpoint = endpoint;
    this.options = options;
    this.credential = options.credential;
  }

  async open(): Promise<LegacySession> {
    this.session = await openLegacySession(this.context, this.endpoint, this.options, this.credential);
    return this.session;
  }

  send(message: Buffer, credential: Credential): Promise<void> {
    return this.endpoint.notify(message, this.session.prefix.of(credential), credential);
  }

  stream(sink: ExchangeSink, credential: Credential, lastEventId: string | undefined, rest: boolean): HttpExchange {
    const headers = this.session.streamPrefix.of(credential);
    const all = lastEventId === undefined ? headers : [...headers, 'last-event-id', lastEventId];
    return this.endpoint.stream({ headers: all, credential, rest }, sink);
  }

  exchange(request: OutboundRequest, sink: ExchangeSink): HttpExchange {
    return this.post(request, request.body, request.spans.id!, sink);
  }

  exchangeShared(request: OutboundRequest, sink: ExchangeSink): Exchange {
    const { body, spans, credential } = request;
    const id = spans.id!;
    const token = spans.progressToken;
    const wireId = this.options.nextId();
    const text = String(wireId);
    const edits = [{ span: id, text }];
    if (token !== undefined) edits.push({ span: token, text });
    const shift = token !== undefined && token[0] < id[0] ? text.length - (token[1] - token[0]) : 0;
    const answer = new SharedAnswer({
      upstream: this.context.upstream.name,
      sink,
      wireId,
      id: body.toString('utf8', ...id),
      progressToken: token && body.toString('utf8', ...token),
      limits: this.context.limits,
      reply: (message) => this.tell(message, credential),
      onServerMessage: (message) => this.options.onServerMessage?.(message),
      rest: (rest, lastEventId) => this.stream(rest, credential, lastEventId, true),
      tellCancelled: (reason) => this.tellCancelled(text, reason, credential),
    });
    return answer.over(this.post(request, splice(body, edits), [id[0] + shift, id[0] + shift + text.length], answer));
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    const { credential } = this;
    if (this.session.id !== undefined) await this.endpoint.remove(this.session.prefix.of(credential), credential);
  }

  private post(request: OutboundRequest, body: Buffer, id: Span, sink: ExchangeSink): HttpExchange {
    const { credential, method, timeoutMs } = request;
    const usedSession = this.session;
    this.credential = credential;
    const hooks: HttpExchangeHooks = {
      onSessionLost: (exchange) => this.lost(exchange, request, usedSession),
      onCancel: (reason) => this.tellCancelled(body.toString('utf8', ...id), reason, credential),
    };
    const headers = this.headersOf(request, credential);
    const repeatable = REPEATABLE_METHODS.has(method);
    return this.endpoint.post(
      { body, spans: { id }, headers, credential, repeatable, listen: false, timeoutMs, hooks },
      sink,
    );
  }

  private headersOf(request: OutboundRequest, credential: Credential): readonly string[] {
    const headers = this.session.prefix.of(credential);
    return request.headers.length === 0 ? headers : headers.concat(request.headers);
  }

  private lost(exchange: HttpExchange, request: OutboundRequest, usedSession: LegacySession): boolean {
    if (this.closed || usedSession.id === undefined) return false;
    if (!this.options.shared) {
      const { name } = this.context.upstream;
      const reason = new AppError('session_not_found', `"${name}" ended the session. Send \`initialize\` again.`);
      this.closed = true;
      exchange.giveUp(reason);
      for (const listener of this.closedListeners) listener(reason);
      return true;
    }
    const ready = this.session === usedSession ? this.reopen() : Promise.resolve();
    ready.then(
      () => exchange.redispatch(this.headersOf(request, exchange.credential) as string[]),
      (error: unknown) => exchange.giveUp(toAppError(error)),
    );
    return true;
  }

  /** One flight for all callers that find the session gone. */
  private reopen(): Promise<void> {
    this.reopening ??= this.open()
      .then(() => this.context.log.info('the upstream forgot the session; opened a new one'))
      .finally(() => {
        this.reopening = undefined;
      });
    return this.reopening;
  }

  private tellCancelled(id: string, reason: string | undefined, credential: Credential): void {
    const params = `{"requestId":${id}${reason === undefined ? '' : `,"reason":${JSON.stringify(reason)}`}}`;
    this.tell(Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`), credential);
  }

  private tell(message: Buffer, credential: Credential): void {
    this.send(message, credential).catch((error: unknown) => {
      this.context.log.debug({ err: error }, 'a message to the upstream was lost');
    });
  }
}
