import type { GatewayContext } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import type { Route } from './route.ts';
import { ownerOf } from './snapshot.ts';

/**
 * Keeps who subscribed to what on a connection that many clients share, so that updates reach them and nobody else. False
 * when the upstream must not be told: it would end a subscription that another client still has.
 */
export function trackSubscription(
  gateway: GatewayContext,
  { caller, session, message }: McpRequest,
  { upstream, target }: Route,
): boolean {
  if (session === null) return true;
  if (message.method === 'resources/subscribe') session.subscriptions.set(target.name, target.upstream);
  if (message.method !== 'resources/unsubscribe') return true;
  session.subscriptions.delete(target.name);
  // One person's own connection is shared by that person's clients alone.
  const personal = ownerOf(upstream, caller) !== undefined;
  const sharing = personal ? gateway.sessions.ofPrincipal(caller.principal.id) : gateway.sessions.all();
  return !sharing.some((other) => other.subscriptions.get(target.name) === target.upstream);
}
