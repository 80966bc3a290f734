import { toAppError } from '../errors/app-error.ts';
import { createLru } from '../lib/lru.ts';
import type { PrincipalRef } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import { pause } from '../upstreams/pause.ts';
import type { Credential } from '../upstreams/upstream-connection.ts';

/** A person who is on the connect page while a request of theirs waits. */
export interface Waiting {
  readonly upstream: Upstream;
  readonly owner: PrincipalRef;
  /** When they were sent there, in milliseconds since the epoch. */
  readonly since: number;
  /** The account is there and gives too little: that it can be used says nothing, only that it was connected anew does. */
  readonly forMore: boolean;
}

export interface WaitLimits {
  /** Milliseconds that a request waits, and between two looks. */
  readonly waitMs: number;
  readonly lookMs: number;
}

/**
 * Clients repeat a request at once and give up after some ten rounds, or when one takes a minute (2026-07-28, "URL Mode
 * Flow": the server "may need to block until the request is fulfilled").
 */
const LIMITS: WaitLimits = { waitMs: 25_000, lookMs: 500 };
/** The latest connections that are remembered. One that is forgotten only costs a wait. */
const MAX_RECENT = 10_000;

export type ConnectWaits = ReturnType<typeof createConnectWaits>;

/**
 * Finds out that a person has connected: here at once, in another process of the gateway by looking. All requests that
 * wait for the same account are one, so many of them cost no more than the first.
 */
export function createConnectWaits(
  credentialOf: (upstream: Upstream, owner: PrincipalRef) => Credential | Promise<Credential>,
  limits: WaitLimits = LIMITS,
) {
  const waits = new Map<string, { readonly done: Promise<void>; readonly ending: AbortController }>();
  const connectedAt = createLru<string, number>(MAX_RECENT);

  const isConnected = async ({ upstream, owner }: Waiting): Promise<boolean> => {
    try {
      await credentialOf(upstream, owner);
      return true;
    } catch (error) {
      // Another failure is for the call itself to report.
      return toAppError(error).code !== 'connection_required';
    }
  };

  const wait = async (waiting: Waiting, signal: AbortSignal): Promise<void> => {
    const until = performance.now() + limits.waitMs;
    while (!signal.aborted && performance.now() < until) {
      if (!waiting.forMore && (await isConnected(waiting))) return;
      await pause(limits.lookMs, signal);
    }
  };

  return {
    /** Resolves when the account was connected, at once when that is so already, or after some time. Never rejects. */
    until(waiting: Waiting): Promise<void> {
      const account = keyOf(waiting.upstream.name, waiting.owner.id);
      if ((connectedAt.get(account) ?? 0) > waiting.since) return Promise.resolve();
      const key = waiting.forMore ? `${account}\nmore` : account;
      const known = waits.get(key);
      if (known !== undefined) return known.done;
      const ending = new AbortController();
      const done = wait(waiting, ending.signal).finally(() => waits.delete(key));
      waits.set(key, { done, ending });
      return done;
    },
    /** Lets those go on who waited for it. */
    connected(upstream: string, principalId: string): void {
      const account = keyOf(upstream, principalId);
      connectedAt.set(account, Date.now());
      for (const key of [account, `${account}\nmore`]) waits.get(key)?.ending.abort();
    },
    /** Lets everybody go on. */
    close(): void {
      for (const { ending } of waits.values()) ending.abort();
    },
  };
}

const keyOf = (upstream: string, principalId: string): string => `${upstream}\n${principalId}`;
