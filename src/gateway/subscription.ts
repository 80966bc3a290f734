import type { GatewayContext } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import type { Route } from './route.ts';

/**
 * Keeps who subscribed to what on a connection that many clients share, so that updates reach them and nobody else. False
 * when the upstream must not be told: it would end a subscription that another client still has.
 */
export function trackSubscription(
  gateway: GatewayContext,
  { session, message }: McpRequest,
  { target }: Route,
): boolean {
  if (session === null) return true;
  if (message.method === 'resources/subscribe') session.subscriptions.set(target.name, target.upstream);
  if (message.method !== 'resources/unsubscribe') return true;
  session.subscriptions.delete(target.name);
  return !gateway.sessions.all().some((other) => other.subscriptions.get(target.name) === target.upstream);
}
