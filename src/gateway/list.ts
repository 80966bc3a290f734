import type { Caller } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import { mayConnect } from './connect-tool.ts';
import type { GatewayContext } from './context.ts';
import { requireMounted } from './initialize.ts';
import { type ListMethod, pageJson, visibleList } from './lists.ts';
import type { McpRequest } from './mcp-request.ts';
import { sendListPage } from './respond.ts';
import { loadOwnCatalogues } from './snapshot.ts';

/** Answers a list method from the catalogues: what this caller may use, and nothing else. */
export async function list(gateway: GatewayContext, request: McpRequest): Promise<void> {
  const { caller, mount, message, codec } = request;
  const method = message.method as ListMethod;
  await requireMounted(gateway, request);
  const unconnected = await loadOwnCatalogues(gateway.upstreams, gateway.snapshot(), mount, caller);
  // Taken now: what was just loaded is in no older one.
  const snapshot = gateway.snapshot();
  const visible =
    unconnected.length > 0 && method === 'tools/list'
      ? visibleList(snapshot, caller, mount, method, toConnect(gateway, caller, unconnected))
      : visibleList(snapshot, caller, mount, method);
  const page = pageJson(visible, method, message.params?.cursor, gateway.pageSize);
  // The era's own members are few and constant: printed apart, so that the page is never parsed or copied.
  const extra = JSON.stringify(codec.result({}, { cacheable: true })).slice(1, -1);
  sendListPage(request, extra, page);
}

/** So that an upstream is found before its tools can be: the names of those that this caller may connect. */
const toConnect = (gateway: GatewayContext, caller: Caller, unconnected: readonly Upstream[]): string[] =>
  unconnected.filter((upstream) => mayConnect(gateway, caller, upstream)).map(({ name }) => name);
