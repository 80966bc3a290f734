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
  await loadOwnCatalogues(gateway.upstreams, gateway.snapshot(), mount, caller);
  // Taken now: what was just loaded is in no older one.
  const snapshot = gateway.snapshot();
  const page = pageJson(visibleList(snapshot, caller, mount, method), method, message.params?.cursor, gateway.pageSize);
  // The era's own members are few and constant: printed apart, so that the page is never parsed or copied.
  const extra = JSON.stringify(codec.result({}, { cacheable: true })).slice(1, -1);
  sendListPage(request, extra, page);
}
