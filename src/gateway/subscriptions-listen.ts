import { AppError, toAppError } from '../errors/app-error.ts';
import { isObject } from '../mcp/message.ts';
import { META_SUBSCRIPTION } from '../mcp/revision.ts';
import { createSseReader, writeSseEvent } from '../mcp/sse.ts';
import { eraOf } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import { ownRequest } from '../upstreams/own-request.ts';
import type { Exchange, ExchangeSink } from '../upstreams/upstream-connection.ts';
import type { ChangedList } from './announce.ts';
import { denialOf, intentOf } from './audit-call.ts';
import { createClientWriter } from './client-writer.ts';
import { type GatewayContext, logFailure } from './context.ts';
import { requireMounted } from './initialize.ts';
import { mayRead } from './may-see.ts';
import type { McpRequest } from './mcp-request.ts';
import { addIdentity } from './outbound.ts';
import { route } from './route.ts';
import { loadOwnCatalogues, mounted, ownerOf } from './snapshot.ts';
import { scopeRefusal } from './token-scopes.ts';

/** An open `subscriptions/listen` of a modern client. */
export interface ListenStream {
  readonly principalId: string;
  /** Ends what it listens to at this upstream: its principal has left it. */
  leave(upstream: string): void;
  listChanged(upstream: string, list: ChangedList): void;
  keepAlive(): void;
}

const FILTER: Readonly<Record<ChangedList, string>> = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
};
const MAX_RESOURCES = 1_000;
const MAX_EVENT_BYTES = 1024 * 1024;
const COMMENT = Buffer.from(':\n\n');

/**
 * `subscriptions/listen` (2026-07-28, "Subscriptions"). List changes come from the gateway's own watch. Updates of
 * resources come from modern upstreams; a resource of a legacy upstream is left out of the acknowledged filter.
 */
export async function subscriptionsListen(
  gateway: GatewayContext,
  request: McpRequest,
  streams: Set<ListenStream>,
): Promise<void> {
  await requireMounted(gateway, request);
  const asked = request.message.params?.notifications;
  if (!isObject(asked)) throw new AppError('invalid_params', 'subscriptions/listen needs a `notifications` filter.');
  const lists = (Object.keys(FILTER) as ChangedList[]).filter((list) => asked[FILTER[list]] === true);
  const subscribed = await allowedResources(gateway, request, asked.resourceSubscriptions);
  const uris = [...subscribed.values()].flat();
  /** By upstream. */
  const exchanges = new Map<string, Exchange>();
  const writer = createClientWriter(request.res, () => {
    for (const exchange of exchanges.values()) exchange.resume();
  });
  const meta = { [META_SUBSCRIPTION]: request.message.id };
  /** False when the client has to catch up first. */
  const notify = (method: string, params: JsonObject = {}): boolean => {
    const data = JSON.stringify({ jsonrpc: '2.0', method, params: { ...params, _meta: meta } });
    return writer.write(Buffer.from(writeSseEvent({ event: 'message', data })));
  };
  const upstreams = new Set(mounted(gateway.snapshot(), request.mount).map(({ name }) => name));
  const stream: ListenStream = {
    principalId: request.caller.principal.id,
    leave(upstream) {
      exchanges.get(upstream)?.abort();
      exchanges.delete(upstream);
    },
    listChanged(upstream, list) {
      const mine = request.mount.upstream === null || upstreams.has(upstream);
      if (mine && lists.includes(list)) notify(`notifications/${list}/list_changed`);
    },
    keepAlive: () => void writer.write(COMMENT),
  };
  let closed = false;
  const close = (): void => {
    closed = true;
    forget();
    streams.delete(stream);
    for (const exchange of exchanges.values()) exchange.abort();
  };
  const forget = gateway.live.add({
    bagIndex: -1,
    exchange: request,
    target: undefined,
    end(reason) {
      if (reason === 'rights_changed') for (const list of lists) notify(`notifications/${list}/list_changed`);
      if (reason === 'revoked') request.res.destroy();
      else endGracefully(request, writer, meta);
      close();
    },
  });
  request.res.on('close', close);
  writer.head(200, 'sse');
  notify('notifications/subscriptions/acknowledged', {
    notifications: {
      ...Object.fromEntries(lists.map((list) => [FILTER[list], true])),
      ...(uris.length > 0 && { resourceSubscriptions: uris }),
    },
  });
  streams.add(stream);
  for (const [upstream, own] of subscribed) {
    await listenUpstream(gateway, request, upstream, own, notify).then(
      // The client may have gone while the upstream was connected.
      (exchange) => (closed ? exchange.abort() : exchanges.set(upstream, exchange)),
      (error) => logFailure(gateway.log, request.requestId, toAppError(error)),
    );
  }
}

/** Tells the client that the stream ended on purpose ("Graceful Closure"). */
function endGracefully(request: McpRequest, writer: ReturnType<typeof createClientWriter>, meta: JsonObject): void {
  const result = request.codec.result({ _meta: meta });
  const data = JSON.stringify({ jsonrpc: '2.0', id: request.message.id, result });
  writer.write(Buffer.from(writeSseEvent({ event: 'message', data })));
  writer.end();
}

/** The URIs that the caller may read, by the modern upstream that serves them. Each is decided and recorded like a read. */
async function allowedResources(
  gateway: GatewayContext,
  request: McpRequest,
  asked: unknown,
): Promise<Map<string, string[]>> {
  const allowed = new Map<string, string[]>();
  if (!Array.isArray(asked)) return allowed;
  const snapshot = gateway.snapshot();
  await loadOwnCatalogues(gateway.upstreams, snapshot, request.mount, request.caller);
  for (const uri of asked.slice(0, MAX_RESOURCES)) {
    if (typeof uri !== 'string') continue;
    const subject = { kind: 'resource', name: uri } as const;
    const found = route(snapshot, request.caller, request.mount, subject);
    if (found === null || !found.decision.allowed) {
      gateway.audit.record(denialOf(request, subject, found));
      continue;
    }
    if (scopeRefusal(request.caller, found.target) !== null) {
      const decision = { ...found.decision, allowed: false, reason: 'insufficient_scope' };
      gateway.audit.record(denialOf(request, subject, { ...found, decision }));
      continue;
    }
    const catalogue = snapshot.catalogueOf(found.upstream, request.caller);
    if (catalogue === undefined || eraOf(catalogue.revision) !== 'modern') continue;
    gateway.audit.record({ ...intentOf(request, found), phase: 'event' });
    const { name } = found.upstream;
    allowed.set(name, [...(allowed.get(name) ?? []), uri]);
  }
  return allowed;
}

/** Subscribes upstream on the gateway's connection; every update reaches the client under its own subscription id. */
async function listenUpstream(
  gateway: GatewayContext,
  request: McpRequest,
  name: string,
  uris: readonly string[],
  notify: (method: string, params?: JsonObject) => boolean,
): Promise<Exchange> {
  const upstream = gateway.snapshot().upstreams.get(name)!;
  const owner = ownerOf(upstream, request.caller);
  const credential = await gateway.credentialOf(upstream, owner);
  const connection = await gateway.upstreams.shared(name, owner);
  const reader = createSseReader({ maxEventBytes: MAX_EVENT_BYTES });
  const outbound = ownRequest({
    id: connection.nextId(),
    method: 'subscriptions/listen',
    params: { notifications: { resourceSubscriptions: [...uris] } },
    credential,
    revision: connection.revision,
    identity: { clientInfo: { name: 'toolgate', version: gateway.version }, clientCapabilities: {} },
  });
  const headers: string[] = [];
  addIdentity(headers, gateway.identity, upstream, request);
  const sink: ExchangeSink = {
    head: () => {},
    data(chunk) {
      let more = true;
      for (const { data } of reader.push(chunk)) {
        const message = data === undefined || data.length === 0 ? null : JSON.parse(data.toString());
        if (message?.method !== 'notifications/resources/updated') continue;
        if (!mayRead(gateway.snapshot(), request.caller, name, String(message.params?.uri))) continue;
        more = notify(message.method, message.params);
      }
      return more;
    },
    end: () => {},
    fail: (error) => logFailure(gateway.log, request.requestId, error),
  };
  return connection.exchange({ ...outbound, headers }, sink);
}
