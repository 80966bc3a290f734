import { AppError } from '../errors/app-error.ts';
import { eraOf } from '../model/catalogue.ts';
import type { Caller } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import type { Credential, UpstreamConnection } from '../upstreams/upstream-connection.ts';
import type { GatewayContext } from './context.ts';
import type { Session } from './sessions.ts';
import { ownerOf } from './snapshot.ts';

/**
 * The connection that a call goes over. A legacy client has its own session with each legacy upstream, so that ids,
 * subscriptions and questions of the upstream cannot meet another client. Everybody else shares the gateway's.
 */
export function connectionFor(
  gateway: GatewayContext,
  caller: Caller,
  session: Session | null,
  upstream: Upstream,
  credential: Credential,
): Promise<UpstreamConnection> {
  const owner = ownerOf(upstream, caller);
  if (session === null || sharesProcess(upstream)) return gateway.upstreams.shared(upstream.name, owner);
  const catalogue = gateway.snapshot().catalogueOf(upstream, caller);
  if (catalogue !== undefined && eraOf(catalogue.revision) === 'modern')
    return gateway.upstreams.shared(upstream.name, owner);
  return session.connections.get(upstream.name) ?? openOwn(gateway, session, upstream, credential);
}

const sharesProcess = (upstream: Upstream): boolean =>
  upstream.transport === 'stdio' && upstream.isolation === 'shared';

function openOwn(
  gateway: GatewayContext,
  session: Session,
  upstream: Upstream,
  credential: Credential,
): Promise<UpstreamConnection> {
  const opening = gateway.upstreams.open(upstream.name, {
    credential,
    clientInfo: session.clientInfo,
    clientCapabilities: session.clientCapabilities,
    revision: session.revision,
  });
  const forget = () => {
    if (session.connections.get(upstream.name) === opening) session.connections.delete(upstream.name);
  };
  session.connections.set(upstream.name, opening);
  opening.then(
    (connection) => {
      connection.onClosed(forget);
      session.stream?.attach(connection, credential);
      if (session.logLevel !== undefined) setLevel(connection, credential, session.logLevel);
    },
    // The call that asked for it reports the failure; the next one tries again.
    forget,
  );
  return opening;
}

/** Tells an upstream the client's log level. Its answer carries nothing, and a refusal only means no log messages. */
export function setLevel(connection: UpstreamConnection, credential: Credential, level: string): void {
  if (connection.capabilities.logging === undefined) return;
  // A string, so that it cannot meet an id of the client's on the client's own connection.
  const id = `"toolgate-${connection.nextId()}"`;
  const body = Buffer.from(
    `{"id":${id},"jsonrpc":"2.0","method":"logging/setLevel","params":{"level":${JSON.stringify(level)}}}`,
  );
  const ignore = { head: () => {}, data: () => true, end: () => {}, fail: () => {} };
  connection.exchange(
    { body, spans: { id: [6, 6 + id.length] }, method: 'logging/setLevel', headers: [], credential },
    ignore,
  );
}

/** What a client is told when the upstream ended the session behind its own. */
export function explainLostSession(
  gateway: GatewayContext,
  session: Session | null,
  upstream: Upstream,
  error: AppError,
): AppError {
  if (error.code !== 'session_not_found' || session === null) return error;
  session.connections.delete(upstream.name);
  // On a mount of its own the client starts again, as it would with the upstream itself; on /mcp the others live on.
  if (session.mount.upstream !== null) {
    gateway.sessions.end(session);
    return error;
  }
  return new AppError(
    'upstream_unavailable',
    `The session with ${upstream.name} was lost; the next call starts a new one.`,
  );
}
