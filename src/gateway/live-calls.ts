import { AppError } from '../errors/app-error.ts';
import { type BagMember, createBag } from '../lib/bag.ts';
import type { Target } from '../model/decision.ts';
import type { McpExchange } from './mcp-request.ts';

/** Something under way for a caller that must end when the caller may no longer have it: a call, a stream. */
export interface LiveCall extends BagMember {
  /** The request that began it. */
  readonly exchange: McpExchange;
  /** What is called; undefined for a stream, which stays open until somebody ends it: a shutdown does not wait for it. */
  readonly target: Target | undefined;
  end(reason: EndReason): void;
}

/** `rights_changed` ends streams alone; the client may open them again. */
export type EndReason = 'revoked' | 'rights_changed' | 'shutdown';

export type LiveCalls = ReturnType<typeof createLiveCalls>;

/** Longer than any request can be on its way from its credential check to its place in the bag. */
const REMEMBER_MS = 10 * 60_000;

/** What is under way right now: for revocation, which ends it at once, and for shutdown, which waits for it. */
export function createLiveCalls() {
  const live = createBag<LiveCall>();
  /** Ids of revoked keys, clients, grants and principals, with the time of it: for requests that were checked before and are not live yet. */
  const revoked = new Map<string, number>();
  let whenIdle: (() => void) | undefined;
  const busy = () => live.values().some(({ target }) => target !== undefined);
  const endWhere = (reason: EndReason, matches: (call: LiveCall) => boolean) => {
    for (const call of live.values()) if (matches(call)) call.end(reason);
  };
  const remember = (id: string): void => {
    const now = performance.now();
    for (const [old, at] of revoked) if (now - at > REMEMBER_MS) revoked.delete(old);
    revoked.set(id, now);
  };
  const revokedSince = ({ caller: { agent, principal, grant }, receivedAt }: McpExchange): boolean =>
    revoked.size > 0 &&
    [agent.id, principal.id, grant?.id].some((id) => id != null && (revoked.get(id) ?? 0) > receivedAt);

  return {
    /** Throws `credential_invalid` when the caller was revoked after the request arrived. */
    refuseRevoked(exchange: McpExchange): void {
      if (revokedSince(exchange)) throw new AppError('credential_invalid');
    },
    /** Throws like `refuseRevoked`. Returns the function that takes it out again; taking out twice is harmless. */
    add(call: LiveCall): () => void {
      if (revokedSince(call.exchange)) throw new AppError('credential_invalid');
      live.add(call);
      return () => {
        if (live.delete(call) && whenIdle !== undefined && !busy()) whenIdle();
      };
    },
    get size() {
      return live.size;
    },
    all: live.values,
    streams: () => live.values().filter(({ target }) => target === undefined),
    endOfAgent(agentId: string): void {
      remember(agentId);
      endWhere('revoked', ({ exchange }) => exchange.caller.agent.id === agentId);
    },
    endOfGrant(grantId: string): void {
      remember(grantId);
      endWhere('revoked', ({ exchange }) => exchange.caller.grant?.id === grantId);
    },
    endOfPrincipal(principalId: string): void {
      remember(principalId);
      endWhere('revoked', ({ exchange }) => exchange.caller.principal.id === principalId);
    },
    /** Ends streams now, waits for calls up to `graceMs`, then ends those too. */
    async drain(graceMs: number): Promise<void> {
      endWhere('shutdown', ({ target }) => target === undefined);
      if (busy()) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, graceMs);
          whenIdle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      endWhere('shutdown', () => true);
    },
  };
}
