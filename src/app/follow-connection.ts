import type { Gateway } from '../gateway/gateway.ts';
import type { ConnectionChange } from '../upstreams/oauth/connections-context.ts';
import type { KeptTokens } from '../upstreams/oauth/grants/kept-tokens.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';

/** Makes effective that an account was connected or left. A refresh changes nothing that is open. */
export function followConnection(
  gateway: Gateway,
  upstreams: Upstreams,
  { upstream, owner, what }: ConnectionChange,
): void {
  if (what !== 'connected' && what !== 'disconnected') return;
  if (owner.kind === 'shared') {
    upstreams.credentialChanged(upstream);
    return;
  }
  const change = { upstream, principalId: owner.id, principalKind: owner.kind };
  if (what === 'connected') void gateway.connected(change);
  else gateway.disconnected(change);
}

/**
 * A person signed in where an upstream exchanges what is said of them: who had to do that first is let in now. Whoever has
 * a token that works misses nothing, and what they have open there goes on.
 */
export function followIdToken(gateway: Gateway, machine: KeptTokens, upstream: string, principalId: string): void {
  if (machine.works(upstream, { kind: 'user', id: principalId })) return;
  void gateway.connected({ upstream, principalId, principalKind: 'user' });
}
