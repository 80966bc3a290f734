import { writeSseEvent } from '../mcp/sse.ts';
import type { JsonObject } from '../model/json.ts';
import type { GatewayContext } from './context.ts';
import type { ListenStream } from './subscriptions-listen.ts';

export type ChangedList = 'tools' | 'prompts' | 'resources';

const notificationEvent = (method: string, params?: JsonObject): Buffer =>
  Buffer.from(
    writeSseEvent({ event: 'message', data: JSON.stringify({ jsonrpc: '2.0', method, ...(params && { params }) }) }),
  );

/** What a client is told whose rights changed: any of its lists may have. */
export const ALL_LISTS_CHANGED: readonly Buffer[] = (['tools', 'prompts', 'resources'] as const).map((list) =>
  notificationEvent(`notifications/${list}/list_changed`),
);

/**
 * Tells every listening client of this upstream that lists have changed; only those of one principal when it was their
 * own catalogue.
 */
export function announceChange(
  { sessions }: GatewayContext,
  listeners: Iterable<ListenStream>,
  upstream: string,
  lists: readonly ChangedList[],
  principalId?: string,
): void {
  const concerned = principalId === undefined ? sessions.all() : sessions.ofPrincipal(principalId);
  for (const list of lists) {
    const event = notificationEvent(`notifications/${list}/list_changed`);
    for (const { mount, stream } of concerned) {
      if (mount.upstream === null || mount.upstream === upstream) stream?.send(event);
    }
    for (const stream of listeners) {
      if (principalId === undefined || stream.principalId === principalId) stream.listChanged(upstream, list);
    }
  }
}

/** What a client is told when the page that it was asked to open has served its purpose (2025-11-25, "Completion Notifications"). */
export const elicitationComplete = (elicitationId: string): Buffer =>
  notificationEvent('notifications/elicitation/complete', { elicitationId });

/**
 * Tells the clients that subscribed to a resource on a shared connection that it was updated; only those of one principal
 * when the connection is theirs.
 */
export function announceUpdate(
  { sessions }: GatewayContext,
  upstream: string,
  uri: string,
  principalId?: string,
): void {
  const event = notificationEvent('notifications/resources/updated', { uri });
  for (const session of principalId === undefined ? sessions.all() : sessions.ofPrincipal(principalId)) {
    if (session.subscriptions.get(uri) !== upstream) continue;
    if (session.stream?.mayRead(upstream, uri)) session.stream.send(event);
  }
}
