import type { PrincipalKind, PrincipalRef } from '../model/principal.ts';
import { announceChange, type ChangedList, elicitationComplete } from './announce.ts';
import type { GatewayContext } from './context.ts';
import type { Session } from './sessions.ts';
import type { ListenStream } from './subscriptions-listen.ts';

/** Somebody's account at an upstream was connected, or left. */
export interface ConnectionChange {
  readonly upstream: string;
  readonly principalId: string;
  /** A user, unless an administrator connected it for a machine. */
  readonly principalKind?: PrincipalKind;
}

const ALL: readonly ChangedList[] = ['tools', 'prompts', 'resources'];
/** Milliseconds that calls may go on over a connection that was opened with the account of before. */
const GRACE_MS = 30_000;
/** Ids that wait for a session to open its stream. */
const MAX_SETTLED = 100;

const ownerOf = ({ principalId, principalKind = 'user' }: ConnectionChange): Pick<PrincipalRef, 'kind' | 'id'> => ({
  kind: principalKind,
  id: principalId,
});

/**
 * What was opened without the account, or with another, is opened anew, and the person's clients are told: those that
 * were asked to connect it that this is done, all of them that their lists changed. Nobody else's client hears of it.
 */
export async function afterConnecting(
  gateway: GatewayContext,
  listeners: Iterable<ListenStream>,
  change: ConnectionChange,
): Promise<void> {
  const { upstream, principalId } = change;
  gateway.upstreams.credentialChanged(upstream, ownerOf(change));
  gateway.waits.connected(upstream, principalId);
  for (const session of gateway.sessions.ofPrincipal(principalId)) {
    leaveConnection(session, upstream, GRACE_MS);
    settleElicitations(session, upstream);
  }
  if (!isHeard(gateway, listeners, principalId)) return;
  try {
    // Its lists are announced by the load itself.
    await gateway.upstreams.loadCatalogue(upstream, ownerOf(change));
  } catch {
    // Shown in `upstream list`, and to who calls. That there is nothing to connect any more is a change, too.
    announceChange(gateway, listeners, upstream, ALL, principalId);
  }
}

/** Ends what is open with the account, and tells the person's clients that what it offered is gone. */
export function afterLeaving(
  gateway: GatewayContext,
  listeners: Iterable<ListenStream>,
  change: ConnectionChange,
): void {
  const { upstream, principalId } = change;
  gateway.upstreams.credentialChanged(upstream, ownerOf(change));
  for (const session of gateway.sessions.ofPrincipal(principalId)) leaveConnection(session, upstream, 0);
  for (const stream of listeners) if (stream.principalId === principalId) stream.leave(upstream);
  announceChange(gateway, listeners, upstream, ALL, principalId);
}

function settleElicitations(session: Session, upstream: string): void {
  const ids = [...session.elicitations].filter(([, asked]) => asked === upstream).map(([id]) => id);
  for (const id of ids) session.elicitations.delete(id);
  if (session.stream === null) session.settled = [...session.settled, ...ids].slice(-MAX_SETTLED);
  else for (const id of ids) session.stream.send(elicitationComplete(id));
}

/** The client's next call to this upstream opens a connection of its own again. */
function leaveConnection(session: Session, upstream: string, graceMs: number): void {
  const connection = session.connections.get(upstream);
  if (connection === undefined) return;
  session.connections.delete(upstream);
  const close = () => void connection.then((open) => open.close()).catch(() => {});
  if (graceMs === 0) close();
  else setTimeout(close, graceMs).unref();
}

const isHeard = (gateway: GatewayContext, listeners: Iterable<ListenStream>, principalId: string): boolean =>
  gateway.sessions.ofPrincipal(principalId).some(({ stream }) => stream !== null) ||
  [...listeners].some((stream) => stream.principalId === principalId);
