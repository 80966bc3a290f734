import { scanStructure } from '../mcp/json-structure.ts';
import { isNotification, isObject, isRequest, type JsonRpcMessage, type RequestId } from '../mcp/message.ts';
import { splice } from '../mcp/splice.ts';
import { type SseEvent, writeSseEvent } from '../mcp/sse.ts';
import type { UpstreamConnection } from '../upstreams/upstream-connection.ts';
import type { Session } from './sessions.ts';

/** A client that never answers must not grow the table without end. */
const MAX_WAITING = 1_000;
const MAX_DEPTH = 64;

/** What became of one event of an upstream on its way to a legacy client. */
export interface ServerEvent {
  /** What to send; null when the client is not to see it. */
  readonly bytes: Buffer | null;
  /** The upstream says that a list changed. The gateway announces changes itself, once its catalogue has them. */
  readonly listChanged: boolean;
}

/**
 * Events of a client's own connections all arrive in one session, so ids are made unique there: a request of the upstream
 * gets an id of the session, which is its progress token, too (and what the client says to it is routed back by that), an
 * event id gets the upstream's name in front (and a resumption is routed by it). All other bytes stay.
 */
export function forwardServerEvent(
  session: Session,
  connection: UpstreamConnection,
  event: SseEvent,
  mayRead: (upstream: string, uri: string) => boolean,
): ServerEvent {
  let data = event.data;
  if (data?.includes('"method"')) {
    const message = parse(data);
    if (message !== null && isRequest(message)) data = withSessionId(session, connection, message.id, data);
    else if (message !== null && 'method' in message && message.method.endsWith('/list_changed')) {
      return { bytes: null, listChanged: true };
    } else if (message !== null && isNotification(message) && message.method === 'notifications/cancelled') {
      data = takenBack(session, connection, message.params?.requestId, data);
      // Answered already, or never asked: another upstream's question may have that id.
      if (data === undefined) return { bytes: null, listChanged: false };
    } else if (message !== null && 'method' in message && message.method === 'notifications/resources/updated') {
      // Servers tell it to everybody, whatever they subscribed to, and a URI alone says something.
      if (!mayRead(connection.upstream.name, String(message.params?.uri))) return { bytes: null, listChanged: false };
    }
  }
  if (data === event.data && event.id === undefined) return { bytes: event.raw, listChanged: false };
  const id = event.id === undefined ? undefined : eventId(connection.upstream.name, event.id);
  return { bytes: Buffer.from(writeSseEvent({ ...event, id, data })), listChanged: false };
}

function withSessionId(session: Session, connection: UpstreamConnection, id: RequestId, data: Buffer): Buffer {
  if (session.serverRequests.size >= MAX_WAITING) {
    const [oldest] = session.serverRequests.keys();
    session.serverRequests.delete(oldest!);
  }
  const own = session.nextServerRequest++;
  const { id: idSpan, progressToken: token } = scanStructure(data, MAX_DEPTH).spans;
  session.serverRequests.set(own, { connection, id, progressToken: token && data.toString('utf8', ...token) });
  return splice(
    data,
    [idSpan, token].flatMap((span) => (span === undefined ? [] : { span, text: String(own) })),
  );
}

/** The upstream takes a request back: under the id that the client knows; undefined when it does not wait for it. */
function takenBack(session: Session, connection: UpstreamConnection, id: unknown, data: Buffer): Buffer | undefined {
  const { requestId: span } = scanStructure(data, MAX_DEPTH).spans;
  for (const [own, waiting] of session.serverRequests) {
    if (waiting.connection !== connection || waiting.id !== id || span === undefined) continue;
    session.serverRequests.delete(own);
    return splice(data, [{ span, text: String(own) }]);
  }
  return undefined;
}

function parse(data: Buffer): JsonRpcMessage | null {
  try {
    const message = JSON.parse(data.toString());
    return isObject(message) ? (message as unknown as JsonRpcMessage) : null;
  } catch {
    return null;
  }
}

const eventId = (upstream: string, id: string): string => `${upstream}/${id}`;

/** The upstream and its own event id; null for an id that no event of this gateway had. */
export function splitEventId(id: string): { upstream: string; id: string } | null {
  const slash = id.indexOf('/');
  return slash <= 0 ? null : { upstream: id.slice(0, slash), id: id.slice(slash + 1) };
}
