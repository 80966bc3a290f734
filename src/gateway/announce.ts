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

/** Tells every listening client of this upstream that lists have changed. */
export function announceChange(
  gateway: GatewayContext,
  listeners: Iterable<ListenStream>,
  upstream: string,
  lists: readonly ChangedList[],
): void {
  for (const list of lists) {
    const event = notificationEvent(`notifications/${list}/list_changed`);
    for (const session of gateway.sessions.all()) {
      if (session.mount.upstream === null || session.mount.upstream === upstream) session.stream?.send(event);
    }
    for (const stream of listeners) stream.listChanged(upstream, list);
  }
}

/** Tells the clients that subscribed to a resource on a shared connection that it was updated. */
export function announceUpdate(gateway: GatewayContext, upstream: string, uri: string): void {
  const event = notificationEvent('notifications/resources/updated', { uri });
  for (const session of gateway.sessions.all()) {
    if (session.subscriptions.get(uri) !== upstream) continue;
    if (session.stream?.mayRead(upstream, uri)) session.stream.send(event);
  }
}
