import type { AppError } from '../errors/app-error.ts';
import type { Revision } from '../model/catalogue.ts';
import type { JsonObject } from '../model/json.ts';
import type { Upstream } from '../model/upstream.ts';
import type { BreakerState } from './breaker.ts';
import type { ListName } from './catalogue-rules.ts';
import type { LastError } from './last-error.ts';
import type { UpstreamSlot } from './upstream-slot.ts';

export type UpstreamState = 'ready' | 'starting' | 'failed' | 'disabled' | 'open-breaker';

/** What `upstream list` shows. Counts are of what is offered now; a failed list keeps what it had. */
export interface UpstreamStatus {
  readonly name: string;
  readonly transport: Upstream['transport'];
  readonly state: UpstreamState;
  readonly revision: Revision | undefined;
  readonly serverInfo: JsonObject | undefined;
  readonly tools: number;
  readonly prompts: number;
  readonly resources: number;
  readonly resourceTemplates: number;
  /** Lists that could not be had at the last attempt, and entries that were left out for their names. */
  readonly failedLists: readonly { readonly list: ListName; readonly code: string; readonly message: string }[];
  readonly rejectedEntries: number;
  readonly inFlight: number;
  readonly lastError: LastError | undefined;
  /** When the catalogue was had, or the failure was seen. Milliseconds since the epoch; 0 before either. */
  readonly since: number;
}

export function upstreamStatus(facts: {
  readonly upstream: Upstream;
  /** Absent when every caller has a credential of their own: then only reachability is known. */
  readonly slot: UpstreamSlot | undefined;
  readonly reach: { readonly ok: boolean; readonly error?: AppError; readonly at: number } | undefined;
  /** Why the upstream could not be reached, while that is the newest that is known. @see CallGuard */
  readonly failure: LastError | undefined;
  readonly breaker: BreakerState;
  readonly inFlight: number;
}): UpstreamStatus {
  const { upstream, slot, reach } = facts;
  const loaded = slot?.loaded;
  const catalogue = loaded?.catalogue;
  const reachError = reach?.error && { code: reach.error.code, message: reach.error.message, at: reach.at };
  const lastError = newerOf(slot === undefined ? reachError : slot.lastError, facts.failure);
  return {
    name: upstream.name,
    transport: upstream.transport,
    state: stateOf(facts),
    revision: catalogue?.revision,
    serverInfo: catalogue?.serverInfo,
    tools: catalogue?.tools.length ?? 0,
    prompts: catalogue?.prompts.length ?? 0,
    resources: catalogue?.resources.length ?? 0,
    resourceTemplates: catalogue?.resourceTemplates.length ?? 0,
    failedLists: (loaded?.failed ?? []).map(({ list, error }) => ({ list, code: error.code, message: error.message })),
    rejectedEntries: loaded?.rejected.length ?? 0,
    inFlight: facts.inFlight,
    lastError,
    since: Math.max(catalogue?.fetchedAt ?? 0, lastError?.at ?? 0, reach?.at ?? 0),
  };
}

/** The slot's own words of the same failure go before the guard's, which are noted first. */
const newerOf = (own: LastError | undefined, seen: LastError | undefined): LastError | undefined =>
  own === undefined || (seen !== undefined && seen.at > own.at) ? seen : own;

function stateOf({ upstream, slot, reach, failure, breaker }: Parameters<typeof upstreamStatus>[0]): UpstreamState {
  if (!upstream.enabled) return 'disabled';
  if (breaker === 'open') return 'open-breaker';
  if (slot === undefined) {
    // A program of one's own starts when its owner calls; there is nothing to reach.
    if (upstream.transport === 'stdio') return 'ready';
    if (failure !== undefined) return 'failed';
    return reach === undefined ? 'starting' : reach.ok ? 'ready' : 'failed';
  }
  if (slot.connected !== undefined && slot.loaded !== undefined) {
    // A connection to a stateless server is only a memory of an earlier exchange: the last one tells more.
    return failure === undefined ? 'ready' : 'failed';
  }
  return slot.lastError === undefined ? 'starting' : 'failed';
}
