import { type Caller, DEFAULT_TENANT } from '../model/principal.ts';
import { isOauth, type Upstream } from '../model/upstream.ts';
import type { TokenHealth } from '../upstreams/oauth/token-health.ts';
import type { UpstreamStatus } from '../upstreams/upstream-status.ts';
import type { AdminContext } from './admin-context.ts';

/** How one upstream is doing. */
export interface UpstreamHealth {
  /** Undefined when the gateway is not connecting. */
  readonly status: UpstreamStatus | undefined;
  /** Null where no tokens are kept. */
  readonly tokens: TokenHealth | null;
}

/** How upstreams are doing, by name. The registry connects those of the first tenant. */
export function statusOf(context: AdminContext, { tenantId }: Caller): Map<string, UpstreamStatus> {
  const all = tenantId === DEFAULT_TENANT ? context.upstreams.status() : [];
  return new Map(all.map((status) => [status.name, status]));
}

const NO_TOKENS: TokenHealth = { states: {}, expiresAt: null, lastError: null };

/** The same with how their tokens are doing, as of now. */
export async function healthOf(
  context: AdminContext,
  caller: Caller,
): Promise<(upstream: Pick<Upstream, 'name' | 'auth'>) => UpstreamHealth> {
  const status = statusOf(context, caller);
  const isFirst = caller.tenantId === DEFAULT_TENANT;
  const connected = isFirst ? await context.connections.health() : new Map<string, TokenHealth>();
  const machine = isFirst ? context.machineTokens.health() : new Map<string, TokenHealth>();
  const tokensOf = ({ name, auth }: Pick<Upstream, 'name' | 'auth'>): TokenHealth | null => {
    if (!isOauth(auth)) return null;
    const ofPeople = auth.kind === 'oauth-shared' || auth.kind === 'oauth-per-user';
    return (ofPeople ? connected : machine).get(name) ?? NO_TOKENS;
  };
  return (upstream) => ({ status: status.get(upstream.name), tokens: tokensOf(upstream) });
}
