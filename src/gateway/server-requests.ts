import { scanStructure } from '../mcp/json-structure.ts';
import { isObject, isRequest, type JsonRpcMessage, type RequestId } from '../mcp/message.ts';
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
 * gets an id of the session (and its answer is routed back by it), an event id gets the upstream's name in front (and a
 * resumption is routed by it). All other bytes stay.
 */
export function forwardServerEvent(session: Session, connection: UpstreamConnection, event: SseEvent): ServerEvent {
  let data = event.data;
  if (data?.includes('"method"')) {
    const message = parse(data);
    if (message !== null && isRequest(message)) data = withSessionId(session, connection, message.id, data);
    else if (message !== null && 'method' in message && message.method.endsWith('/list_changed')) {
      return { bytes: null, listChanged: true };
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
  session.serverRequests.set(own, { connection, id });
  const { spans } = scanStructure(data, MAX_DEPTH);
  return spans.id === undefined ? data : splice(data, [{ span: spans.id, text: String(own) }]);
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
