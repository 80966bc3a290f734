import { AppError } from '../errors/app-error.ts';
import { isObject } from '../mcp/message.ts';
import { negotiateLegacy } from '../mcp/revision.ts';
import { introduce } from './capabilities.ts';
import { mayConnect } from './connect-tool.ts';
import type { GatewayContext } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import { sendResult } from './respond.ts';
import { loadOwnCatalogues, mounted, whyUnreachable } from './snapshot.ts';

/** Opens a session for a legacy client. Upstream sessions follow with its first call to each upstream. */
export async function initialize(gateway: GatewayContext, request: McpRequest): Promise<void> {
  const { params } = request.message;
  if (!isObject(params?.clientInfo) || !isObject(params.capabilities) || typeof params.protocolVersion !== 'string') {
    throw new AppError('invalid_params', 'initialize needs `protocolVersion`, `capabilities` and `clientInfo`.');
  }
  const { caller, mount } = request;
  await requireMounted(gateway, request);
  const { serverInfo, capabilities, instructions } = await introduce(gateway, caller, mount);
  const session = gateway.sessions.create(caller, mount, {
    revision: negotiateLegacy(params.protocolVersion),
    clientInfo: params.clientInfo,
    clientCapabilities: params.capabilities,
  });
  const result = {
    protocolVersion: session.revision,
    capabilities,
    serverInfo,
    ...(instructions !== undefined && { instructions }),
  };
  sendResult(request, JSON.stringify(result), { 'mcp-session-id': session.id });
}

/**
 * Rejects with `not_found` for a mount that names no upstream, or one of which no rule leaves the caller anything: neither
 * its name nor how it is doing is told. Says why when nothing is known of it: its lists would be
 * empty, which is another thing. Where it is up to the caller to connect an account, the list of tools says so.
 */
export async function requireMounted(gateway: GatewayContext, { caller, mount }: McpRequest): Promise<void> {
  if (mount.upstream === null) return;
  const snapshot = gateway.snapshot();
  const [upstream] = mounted(snapshot, mount);
  if (upstream === undefined || !snapshot.mayUse(caller, upstream.name))
    throw new AppError('not_found', `There is no upstream named ${mount.upstream}.`);
  await loadOwnCatalogues(gateway.upstreams, snapshot, mount, caller);
  if (snapshot.catalogueOf(upstream, caller) !== undefined) return;
  const why = await whyUnreachable(gateway.upstreams, upstream, caller);
  if (why.code !== 'connection_required' || !mayConnect(gateway, caller, upstream)) throw why;
}
