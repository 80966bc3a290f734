import { META_SERVER_INFO, SERVED_REVISIONS } from '../mcp/revision.ts';
import { introduce } from './capabilities.ts';
import type { GatewayContext } from './context.ts';
import { requireMounted } from './initialize.ts';
import type { McpRequest } from './mcp-request.ts';
import { sendResult } from './respond.ts';

/** `server/discover` (2026-07-28). */
export async function discover(gateway: GatewayContext, request: McpRequest): Promise<void> {
  await requireMounted(gateway, request);
  const { serverInfo, capabilities, instructions } = await introduce(gateway, request.caller, request.mount);
  const { logging: _, ...offered } = capabilities;
  const result = request.codec.result(
    {
      supportedVersions: [...SERVED_REVISIONS].reverse(),
      capabilities: offered,
      ...(instructions !== undefined && { instructions }),
      _meta: { [META_SERVER_INFO]: serverInfo },
    },
    { cacheable: true },
  );
  sendResult(request, JSON.stringify(result));
}
