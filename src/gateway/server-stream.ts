import type { ServerResponse } from 'node:http';
import type { AppError } from '../errors/app-error.ts';
import { createSseReader } from '../mcp/sse.ts';
import type { Credential, Exchange, UpstreamConnection } from '../upstreams/upstream-connection.ts';
import { createClientWriter } from './client-writer.ts';
import { forwardServerEvent } from './server-requests.ts';
import type { Session } from './sessions.ts';

const MAX_EVENT_BYTES = 64 * 1024 * 1024;
/** Milliseconds before a stream that an upstream ended is asked for again. */
const REATTACH_MS = 1_000;

/** The GET stream of one legacy client: what its upstreams say that belongs to no request. */
export interface ServerStream {
  send(event: Buffer): void;
  /** Whether its reader may know of this resource. */
  mayRead(upstream: string, uri: string): boolean;
  /** Adds the messages of a connection of this session. `lastEventId` resumes one of its streams. */
  attach(connection: UpstreamConnection, credential: Credential, lastEventId?: string): void;
  keepAlive(): void;
  end(): void;
}

/** Announcements that may wait for a client, in bytes. Nobody can be slowed down for it; it may open the stream again. */
const MAX_UNREAD_BYTES = 4 * 1024 * 1024;
const COMMENT = Buffer.from(':\n\n');

export interface ServerStreamOptions {
  /** Whether the reader may use anything of the upstream; its messages do not come otherwise. */
  readonly mayHear: (upstream: string) => boolean;
  readonly mayRead: ServerStream['mayRead'];
  /** Told when an upstream announces that a list of its changed. */
  readonly onListChanged: (upstream: string) => void;
  readonly onEnd: () => void;
}

export function createServerStream(
  res: ServerResponse,
  session: Session,
  { mayHear, mayRead, onListChanged, onEnd }: ServerStreamOptions,
): ServerStream {
  const listening = new Set<Exchange>();
  const timers = new Set<NodeJS.Timeout>();
  let ended = false;
  const writer = createClientWriter(res, () => {
    for (const exchange of listening) exchange.resume();
  });
  writer.head(200, 'sse');

  const end = (): void => {
    if (ended) return;
    ended = true;
    for (const exchange of listening) exchange.abort();
    for (const timer of timers) clearTimeout(timer);
    writer.end();
    onEnd();
  };

  const attach = (connection: UpstreamConnection, credential: Credential, lastEventId?: string): void => {
    if (ended || !mayHear(connection.upstream.name)) return;
    const reader = createSseReader({ maxEventBytes: MAX_EVENT_BYTES });
    const over = (error?: AppError): void => {
      if (exchange !== null) listening.delete(exchange);
      // A resumed stream ends with what it resumed; an upstream without such a stream is not asked again.
      if (lastEventId !== undefined) end();
      else if (!ended && (error === undefined || error.code === 'upstream_timeout'))
        attachAgain(connection, credential);
    };
    const forward = (chunk: Buffer): boolean => {
      let more = true;
      for (const event of reader.push(chunk)) {
        const forwarded = forwardServerEvent(session, connection, event, mayRead);
        if (forwarded.listChanged) onListChanged(connection.upstream.name);
        if (forwarded.bytes !== null) more = writer.write(forwarded.bytes);
      }
      return more;
    };
    const exchange = connection.listen(
      {
        head: () => {},
        data(chunk) {
          try {
            return forward(chunk);
          } catch {
            // An event beyond the limit. The calls of this upstream go on; only its unasked messages are lost.
            exchange?.abort();
            return true;
          }
        },
        end: () => over(),
        fail: over,
      },
      credential,
      lastEventId,
    );
    if (exchange !== null) listening.add(exchange);
  };

  const attachAgain = (connection: UpstreamConnection, credential: Credential): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      attach(connection, credential);
    }, REATTACH_MS);
    timers.add(timer);
  };

  res.on('close', end);
  return {
    send(event) {
      if (res.writableLength > MAX_UNREAD_BYTES) res.destroy();
      else writer.write(event);
    },
    mayRead,
    attach,
    keepAlive: () => void writer.write(COMMENT),
    end,
  };
}
