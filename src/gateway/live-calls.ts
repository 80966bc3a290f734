import { AppError } from '../errors/app-error.ts';
import { type BagMember, createBag } from '../lib/bag.ts';
import type { Caller } from '../model/principal.ts';

/** Something under way for a caller that must end when the caller may no longer have it: a call, a stream. */
export interface LiveCall extends BagMember {
  readonly caller: Caller;
  /** `performance.now()` when its request arrived. */
  readonly receivedAt: number;
  /** Streams stay open until somebody ends them, so a shutdown does not wait for them. */
  readonly stream: boolean;
  end(reason: 'revoked' | 'shutdown'): void;
}

export type LiveCalls = ReturnType<typeof createLiveCalls>;

/** Longer than any request can be on its way from its credential check to its place in the bag. */
const REMEMBER_MS = 10 * 60_000;

/** What is under way right now: for revocation, which ends it at once, and for shutdown, which waits for it. */
export function createLiveCalls() {
  const live = createBag<LiveCall>();
  /** Ids of revoked keys, clients, grants and principals, with the time of it: for requests that were checked before and are not live yet. */
  const revoked = new Map<string, number>();
  let whenIdle: (() => void) | undefined;
  const busy = () => live.values().some((call) => !call.stream);
  const endWhere = (reason: 'revoked' | 'shutdown', matches: (call: LiveCall) => boolean) => {
    for (const call of live.values()) if (matches(call)) call.end(reason);
  };
  const remember = (id: string): void => {
    const now = performance.now();
    for (const [old, at] of revoked) if (now - at > REMEMBER_MS) revoked.delete(old);
    revoked.set(id, now);
  };
  const revokedSince = ({ agent, principal, grant }: Caller, time: number): boolean =>
    revoked.size > 0 && [agent.id, principal.id, grant?.id].some((id) => id != null && (revoked.get(id) ?? 0) > time);

  return {
    /** Throws `credential_invalid` when the caller was revoked after the request arrived. */
    refuseRevoked({ caller, receivedAt }: Pick<LiveCall, 'caller' | 'receivedAt'>): void {
      if (revokedSince(caller, receivedAt)) throw new AppError('credential_invalid');
    },
    /** Throws like `refuseRevoked`. Returns the function that takes it out again; taking out twice is harmless. */
    add(call: LiveCall): () => void {
      if (revokedSince(call.caller, call.receivedAt)) throw new AppError('credential_invalid');
      live.add(call);
      return () => {
        if (live.delete(call) && whenIdle !== undefined && !busy()) whenIdle();
      };
    },
    get size() {
      return live.size;
    },
    endOfAgent(agentId: string): void {
      remember(agentId);
      endWhere('revoked', (call) => call.caller.agent.id === agentId);
    },
    endOfGrant(grantId: string): void {
      remember(grantId);
      endWhere('revoked', (call) => call.caller.grant?.id === grantId);
    },
    endOfPrincipal(principalId: string): void {
      remember(principalId);
      endWhere('revoked', (call) => call.caller.principal.id === principalId);
    },
    /** Ends streams now, waits for calls up to `graceMs`, then ends those too. */
    async drain(graceMs: number): Promise<void> {
      endWhere('shutdown', (call) => call.stream);
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
