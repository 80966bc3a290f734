import type { Caller } from '../model/principal.ts';

/** Something under way for a caller that must end when the caller may no longer have it: a call, a stream. */
export interface LiveCall {
  readonly caller: Caller;
  /** Streams stay open until somebody ends them, so a shutdown does not wait for them. */
  readonly stream: boolean;
  end(reason: 'revoked' | 'shutdown'): void;
}

export type LiveCalls = ReturnType<typeof createLiveCalls>;

/** What is under way right now: for revocation, which ends it at once, and for shutdown, which waits for it. */
export function createLiveCalls() {
  const live = new Set<LiveCall>();
  let whenIdle: (() => void) | undefined;
  const busy = () => [...live].some((call) => !call.stream);
  const endWhere = (reason: 'revoked' | 'shutdown', matches: (call: LiveCall) => boolean) => {
    for (const call of [...live]) if (matches(call)) call.end(reason);
  };
  return {
    /** Returns the function that takes it out again; taking out twice is harmless. */
    add(call: LiveCall): () => void {
      live.add(call);
      return () => {
        if (live.delete(call) && whenIdle !== undefined && !busy()) whenIdle();
      };
    },
    get size() {
      return live.size;
    },
    endOfAgent: (agentId: string) => endWhere('revoked', (call) => call.caller.agent.id === agentId),
    endOfPrincipal: (principalId: string) => endWhere('revoked', (call) => call.caller.principal.id === principalId),
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
