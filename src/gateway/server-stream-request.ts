import { AppError, toAppError } from '../errors/app-error.ts';
import type { Credential, UpstreamConnection } from '../upstreams/upstream-connection.ts';
import { ALL_LISTS_CHANGED, elicitationComplete } from './announce.ts';
import { type GatewayContext, logFailure } from './context.ts';
import { mayRead, maySeeAny } from './may-see.ts';
import type { McpExchange } from './mcp-request.ts';
import { splitEventId } from './server-requests.ts';
import { createServerStream, type ServerStream } from './server-stream.ts';
import type { Session } from './sessions.ts';
import { ownerOf } from './snapshot.ts';

/**
 * GET: the stream on which a legacy client hears from its upstreams, or, with `Last-Event-ID`, the rest of a stream that
 * broke (2025-11-25, "Resumability"). A session has one standing stream; a new one takes over from the old.
 */
export function openServerStream(gateway: GatewayContext, exchange: McpExchange): void {
  const { http, caller, mount } = exchange;
  gateway.live.refuseRevoked(exchange);
  if (!http.headers.accept?.includes('text/event-stream')) throw new AppError('not_acceptable');
  const id = http.headers['mcp-session-id'];
  if (typeof id !== 'string') throw new AppError('session_required');
  const session = gateway.sessions.find(id, caller, mount);
  const lastEventId = http.headers['last-event-id'];
  if (typeof lastEventId === 'string') resume(gateway, exchange, session, lastEventId);
  else stand(gateway, exchange, session);
}

function stand(gateway: GatewayContext, exchange: McpExchange, session: Session): void {
  session.stream?.end();
  const stream = start(gateway, exchange, session, () => {
    if (session.stream === stream) session.stream = null;
  });
  session.stream = stream;
  for (const id of session.settled) stream.send(elicitationComplete(id));
  session.settled = [];
  for (const name of session.connections.keys()) attach(gateway, exchange, session, stream, name);
}

function resume(gateway: GatewayContext, exchange: McpExchange, session: Session, lastEventId: string): void {
  const event = splitEventId(lastEventId);
  if (
    event === null ||
    !session.connections.has(event.upstream) ||
    !maySeeAny(gateway.snapshot(), exchange.caller, event.upstream)
  ) {
    throw new AppError('session_not_found', 'No stream of this session had that event.');
  }
  attach(
    gateway,
    exchange,
    session,
    start(gateway, exchange, session, () => {}),
    event.upstream,
    event.id,
  );
}

function start(gateway: GatewayContext, exchange: McpExchange, session: Session, onEnd: () => void): ServerStream {
  const { res, caller } = exchange;
  const stream = createServerStream(res, session, {
    mayHear: (upstream) => maySeeAny(gateway.snapshot(), caller, upstream),
    mayRead: (upstream, uri) => mayRead(gateway.snapshot(), caller, upstream, uri),
    onListChanged: (upstream) => gateway.upstreams.refresh(upstream),
    onEnd() {
      forget();
      onEnd();
    },
  });
  const forget = gateway.live.add({
    bagIndex: -1,
    exchange,
    target: undefined,
    end(reason) {
      if (reason === 'rights_changed') for (const event of ALL_LISTS_CHANGED) stream.send(event);
      stream.end();
    },
  });
  return stream;
}

function attach(
  gateway: GatewayContext,
  { caller, requestId }: McpExchange,
  session: Session,
  stream: ServerStream,
  name: string,
  lastEventId?: string,
): void {
  const upstream = gateway.snapshot().upstreams.get(name);
  const opening = session.connections.get(name);
  if (upstream === undefined || opening === undefined) return;
  Promise.all([opening, gateway.credentialOf(upstream, ownerOf(upstream, caller))]).then(
    ([connection, credential]: [UpstreamConnection, Credential]) => stream.attach(connection, credential, lastEventId),
    (error) => logFailure(gateway.log, requestId, toAppError(error)),
  );
}
