import { prefixedName, splitName } from '../mcp/tool-names.ts';
import type { Caller } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import type { GatewayContext } from './context.ts';
import type { McpRequest } from './mcp-request.ts';
import type { Mount } from './mount.ts';
import { sendResult } from './respond.ts';
import type { Route, Subject } from './route.ts';
import type { Snapshot } from './snapshot.ts';
import { missingScope } from './token-scopes.ts';

/** The gateway's own tool for an upstream whose tools are not known yet, since its caller has connected no account there. */
const NAME = 'connect';

/** Whether a person can do something about having no account there: the kinds that take their yes, or their sign-in. */
export const isConnectable = ({ auth }: Upstream): boolean =>
  auth.kind === 'oauth-per-user' ||
  (auth.kind === 'token-exchange' && auth.oauth.exchange?.subject === 'identity-provider');

/**
 * Whether this caller is offered to connect an account of this upstream: whoever may use something of it, with the roles
 * and with the token of this call. Connecting itself is decided on the page, by the person.
 */
export function mayConnect(
  { snapshot, connectLink }: Pick<GatewayContext, 'snapshot' | 'connectLink'>,
  caller: Caller,
  upstream: Upstream,
): boolean {
  return (
    isConnectable(upstream) &&
    snapshot().mayUse(caller, upstream.name) &&
    missingScope(caller, upstream.name) === null &&
    caller.principal.kind === 'user' &&
    (upstream.auth.kind !== 'oauth-per-user' || connectLink(upstream.name, caller.principal) !== null)
  );
}

/** The tool as `tools/list` shows it. */
export function connectTool(upstream: string, withPrefix: boolean) {
  const name = withPrefix ? prefixedName(upstream, NAME) : NAME;
  const title = `Connect your ${upstream} account`;
  const definition = {
    name,
    title,
    description: `${upstream} works with the user's own account, and none is connected yet. Call this to get the page where the user connects it; the tools of ${upstream} are listed afterwards.`,
    inputSchema: { type: 'object', properties: {}, additionalProperties: false },
    annotations: { title, readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  };
  return { key: name, json: JSON.stringify(definition) };
}

/** Where a call of the tool goes; null when it names another, or one that this caller is not offered. */
export function connectRoute(
  gateway: GatewayContext,
  snapshot: Snapshot,
  caller: Caller,
  mount: Mount,
  { kind, name }: Subject,
): Route | null {
  if (kind !== 'tool') return null;
  const split = mount.upstream === null ? splitName(name) : { upstream: mount.upstream, name };
  const upstream = split?.name === NAME ? snapshot.upstreams.get(split.upstream) : undefined;
  if (upstream === undefined || !mayConnect(gateway, caller, upstream)) return null;
  return {
    upstream,
    target: { upstream: upstream.name, kind, name: NAME, readOnly: true, destructive: false },
    entry: undefined,
    decision: { allowed: true, reason: 'anybody who may use the upstream may connect an account', rules: [] },
    own: true,
  };
}

/** What the tool says to who has an account there; everybody else gets the way to connect one. */
export function sendConnected(request: McpRequest, { upstream }: Route): void {
  const text = `Your account at ${upstream.name} is connected. Its tools are in the list of tools now.`;
  sendResult(request, JSON.stringify(request.codec.result({ content: [{ type: 'text', text }] })));
}
