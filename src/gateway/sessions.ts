import { randomBytes } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import type { RequestId } from '../mcp/message.ts';
import type { Revision } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import type { Caller } from '../model/principal.ts';
import type { Exchange, UpstreamConnection } from '../upstreams/upstream-connection.ts';
import type { Mount } from './mount.ts';
import type { ServerStream } from './server-stream.ts';

/** A request of an upstream that the client has not answered. */
export interface WaitingRequest {
  readonly connection: UpstreamConnection;
  /** As the upstream knows it. */
  readonly id: RequestId;
  /** Likewise, as JSON text. The client was given the session's own id in its place. */
  readonly progressToken: string | undefined;
}

/** A legacy client's session: what `initialize` agreed on, and what it holds open upstream. */
export interface Session {
  readonly id: string;
  readonly principalId: string;
  readonly mount: Mount;
  readonly revision: Revision;
  readonly clientInfo: JsonObject;
  readonly clientCapabilities: JsonObject;
  logLevel: string | undefined;
  /** This client's own connections, by upstream. */
  readonly connections: Map<string, Promise<UpstreamConnection>>;
  /** Calls under way, by the client's request id, for `notifications/cancelled`. */
  readonly inFlight: Map<RequestId, Pick<Exchange, 'cancel'>>;
  /** Requests of upstreams that wait for the client's answer, by the id the client was given. */
  readonly serverRequests: Map<RequestId, WaitingRequest>;
  /** URIs that the client subscribed to, with the upstream that serves each. */
  readonly subscriptions: Map<string, string>;
  /** Pages to connect an account that the client was given (2025-11-25, URL mode elicitation): the upstream of each, by id. */
  readonly elicitations: Map<string, string>;
  /** Ids of those that have served their purpose while the client had no stream to hear of it. */
  settled: readonly string[];
  stream: ServerStream | null;
  nextServerRequest: number;
  /** `performance.now()`. */
  lastUsedAt: number;
}

export interface SessionLimits {
  readonly idleMs: number;
  readonly maxPerPrincipal: number;
}

export type Sessions = ReturnType<typeof createSessions>;

/** The sessions of this process. A session id finds a session; it never proves who asks (MCP, "Session Hijacking"). */
export function createSessions(limits: SessionLimits) {
  const byPrincipal = new Map<string, Map<string, Session>>();

  const end = (session: Session): void => {
    const own = byPrincipal.get(session.principalId);
    if (!own?.delete(session.id)) return;
    if (own.size === 0) byPrincipal.delete(session.principalId);
    session.stream?.end();
    for (const connection of session.connections.values()) {
      // A connection that never opened has nothing to close.
      connection.then((open) => open.close()).catch(() => {});
    }
  };

  const all = () => [...byPrincipal.values()].flatMap((own) => [...own.values()]);
  const ofPrincipal = (principalId: string): Session[] => [...(byPrincipal.get(principalId)?.values() ?? [])];

  return {
    /** A new session. The one of this principal that was idle longest makes room when there are too many. */
    create(
      caller: Caller,
      mount: Mount,
      agreed: Pick<Session, 'revision' | 'clientInfo' | 'clientCapabilities'>,
    ): Session {
      const principalId = caller.principal.id;
      const own = byPrincipal.get(principalId) ?? new Map<string, Session>();
      if (own.size >= limits.maxPerPrincipal) {
        end([...own.values()].reduce((oldest, session) => (session.lastUsedAt < oldest.lastUsedAt ? session : oldest)));
      }
      const session: Session = {
        ...agreed,
        id: randomBytes(24).toString('base64url'),
        principalId,
        mount,
        logLevel: undefined,
        connections: new Map(),
        inFlight: new Map(),
        serverRequests: new Map(),
        subscriptions: new Map(),
        elicitations: new Map(),
        settled: [],
        stream: null,
        nextServerRequest: 1,
        lastUsedAt: performance.now(),
      };
      own.set(session.id, session);
      byPrincipal.set(principalId, own);
      return session;
    },

    /** The caller's session of this id on this mount. Another principal's is as unknown as one that never was. */
    find(id: string, caller: Caller, mount: Mount): Session {
      const session = byPrincipal.get(caller.principal.id)?.get(id);
      if (session === undefined || session.mount.upstream !== mount.upstream) throw new AppError('session_not_found');
      session.lastUsedAt = performance.now();
      return session;
    },

    end,
    endOfPrincipal(principalId: string): void {
      for (const session of ofPrincipal(principalId)) end(session);
    },
    /** Ends sessions that were idle too long. One with an open stream or a call under way is not idle. */
    sweep(now: number = performance.now()): void {
      for (const session of all()) {
        const idle = session.stream === null && session.inFlight.size === 0;
        if (idle && now - session.lastUsedAt > limits.idleMs) end(session);
      }
    },
    all,
    ofPrincipal,
    endAll: () => all().forEach(end),
  };
}
