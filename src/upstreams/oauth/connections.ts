import { AppError } from '../../errors/app-error.ts';
import { DEFAULT_TENANT, type PrincipalRef } from '../../model/principal.ts';
import type { Upstream } from '../../model/upstream.ts';
import { CONNECTION_TOKENS } from '../../store/ending-connections.ts';
import type { Page } from '../../store/page.ts';
import { countConnections, listConnections } from '../../store/upstream-connections.ts';
import type { CredentialOwner } from '../resolve-credential.ts';
import type { Credential } from '../upstream-connection.ts';
import {
  type Beginner,
  type Completed,
  type ConnectPlan,
  createConnectFlow,
  type ReturningBrowser,
} from './connect-flow.ts';
import { type ConnectionLink, createConnectionLinks } from './connection-links.ts';
import { type ConnectionOwner, connectionKey } from './connection-owner.ts';
import type { ConnectionTokens } from './connection-tokens.ts';
import { createConnectionUses } from './connection-uses.ts';
import { type ConnectionView, connectionView } from './connection-view.ts';
import type { ConnectionsContext, ConnectionsOptions } from './connections-context.ts';
import { createConnectionEnd } from './end-connection.ts';
import { createTokenHandOut } from './hand-out-tokens.ts';
import type { Challenge } from './provider/challenge.ts';
import { createRefresher } from './refresh-connection.ts';
import { requireOauthUpstream } from './require-oauth-upstream.ts';
import { createRevocationQueue } from './revocation-queue.ts';
import { createConnectionSaver } from './save-connection.ts';
import { createStepUp } from './step-up.ts';
import { createConnectionSweep } from './sweep-connections.ts';
import type { TokenHealth } from './token-health.ts';
import { createUpstreamClients } from './upstream-clients.ts';
import { createUpstreamProviders } from './upstream-providers.ts';
import { createWarmTokens } from './warm-tokens.ts';

export type { ConnectionOwner, ConnectionsOptions, ConnectionView, ConnectPlan };

export interface ConnectionFilter {
  readonly owner?: ConnectionOwner | undefined;
  readonly upstream?: string | undefined;
  /** The `next` of the page before. */
  readonly after?: string | null | undefined;
  /** 100 when absent. */
  readonly limit?: number | undefined;
}

/** The tokens that the gateway has at providers: gets them, keeps them fresh, hands them to calls and gives them back. */
export interface Connections {
  /**
   * The credential for a call; at once when it is in memory and lives. `Credential.id` stays the same over refreshes and
   * changes when somebody connects anew. Rejects with AppError:
   * `connection_required` (data: `{ upstream, reason, connectUrl? }`) when a person has to act, `connection_stopped` when
   * the provider changed, `upstream_unavailable` when the token is over and the provider cannot be reached.
   */
  of(upstream: Upstream, owner: CredentialOwner | undefined): Credential | Promise<Credential>;
  /** After a 401, or a 403 with insufficient_scope; call it once per call. A newer credential to try, or rejects as `of` does. */
  renewed(
    upstream: Upstream,
    owner: CredentialOwner | undefined,
    used: Credential,
    challenge: Challenge,
  ): Promise<Credential>;
  /**
   * What connecting will do, for the page that asks the person: finds the provider and registers the gateway there where
   * that is needed. Throws AppError with a text for the person or the admin.
   */
  plan(upstream: string, owner: ConnectionOwner): Promise<ConnectPlan>;
  /** Begins it, after the person said yes. Returns where the browser has to go: http(s), but its host is a stranger's choice. */
  begin(upstream: string, owner: ConnectionOwner, by: Beginner): Promise<URL>;
  /** The upstream that the `state` of a callback names; null when it is none of ours. Says nothing about whether it is good. */
  upstreamOf(callback: URL): string | null;
  /**
   * Ends it with what the provider sent the browser back with. Throws AppError: `connect_expired` when nothing was begun by
   * this person in this browser within ten minutes, `connect_failed` when the provider or the person said no.
   */
  complete(upstream: string, callback: URL, browser: ReturningBrowser): Promise<Completed>;
  /** Forgets the tokens at once; they are then revoked at the provider, again and again until that is done. False: not connected. */
  disconnect(
    upstream: string,
    owner: ConnectionOwner,
    by: Pick<PrincipalRef, 'kind' | 'id' | 'name'>,
  ): Promise<boolean>;
  /** Gets a new token now, whatever the age of the present one, ten times a minute at most. Rejects as `of` does. */
  refresh(upstream: string, owner: ConnectionOwner): Promise<void>;
  /** As `disconnect`, for all connections of a principal who is disabled or removed. */
  endOfPrincipal(principalId: string): Promise<void>;
  /** In order of id, without secrets. */
  list(filter: ConnectionFilter): Promise<Page<ConnectionView>>;
  /** By the name of the upstream. */
  health(): Promise<ReadonlyMap<string, TokenHealth>>;
  /** A link that works for this principal alone, for a day. `id` names it and is no secret. */
  linkFor(upstream: string, principal: Pick<PrincipalRef, 'id'>): ConnectionLink;
  /** @param token the parameter `for` of the link */
  linkIsFor(upstream: string, token: string, principalId: string): boolean;
  /** Notes that an agent used it; written once a minute. */
  used(upstream: string, owner: ConnectionOwner, agentId: string): void;
  /** Begins what is done from time to time: refreshes ahead, revocations, warnings. */
  start(): void;
  /** Does all that is due now. */
  sweep(): Promise<void>;
  /** Ends the timers, and stores what has not been stored yet. */
  close(): Promise<void>;
  stats(): ConnectionStats;
}

export interface ConnectionStats {
  /** Tokens in memory. */
  readonly warm: number;
  /** Being refreshed by this process. */
  readonly refreshing: number;
  /** Got from a provider and not stored yet. */
  readonly unsaved: number;
  /** Since the start. */
  readonly refreshed: number;
  readonly failed: Readonly<Record<string, number>>;
  /** Of the tenant, as of the last sweep: by state. */
  readonly states: Readonly<Record<string, number>>;
  readonly revocationsWaiting: number;
}

const DEFAULT_CACHE_SIZE = 20_000;
const DEFAULT_PAGE = 100;
const FOLLOW_MS = 5_000;
const SWEEP_MS = 60_000;
/** Tokens that could not be stored, and revocations that just failed, do not wait for the next sweep. */
const RETRY_MS = 5_000;

export function createConnections(options: ConnectionsOptions): Connections {
  const { vault, log } = options;
  const context: ConnectionsContext = {
    ...options,
    now: options.now ?? Date.now,
    tenantId: options.tenantId ?? DEFAULT_TENANT,
  };
  const { db, now, tenantId } = context;
  const { linkFor, linkIsFor } = createConnectionLinks(context);
  const providers = createUpstreamProviders(context);
  const clients = createUpstreamClients(context);
  const queue = createRevocationQueue(context);
  const uses = createConnectionUses(context);
  const warm = createWarmTokens(options.cacheSize ?? DEFAULT_CACHE_SIZE);
  const giveBack = (upstream: string, owner: ConnectionOwner, tokens: ConnectionTokens) =>
    queue.add({ upstream, owner }, tokens);
  const refresher = createRefresher(context, { providers, clients, warm, linkFor, giveBack });
  const stepUp = createStepUp(context, { providers, linkFor });
  const handOut = createTokenHandOut(context, { warm, refresh: refresher.refresh, stepUp, linkFor });
  const end = createConnectionEnd(context, { warm, queue });
  const save = createConnectionSaver(context, { warm, clearEnding: end.clearEnding });
  const flow = createConnectFlow(context, { providers, clients, save, giveBack, disconnect: end.disconnect });
  const { saver } = refresher;
  const sweep = createConnectionSweep(context, { warm, uses, queue, saver, end, fetchOnce: handOut.fetchOnce });
  const timers: NodeJS.Timeout[] = [];
  // What changes the vault by another way than through here, such as a rotation.
  const stopListening = vault.onChange((ref) => {
    if (ref === null) warm.clear();
    else if (ref.tenantId === tenantId && ref.name === CONNECTION_TOKENS)
      warm.drop(connectionKey(ref.upstream, ref.owner));
  });

  function declared(name: string): Upstream {
    const upstream = context.upstream(name);
    if (upstream === undefined) throw new AppError('not_found', `There is no upstream "${name}".`);
    return upstream;
  }

  const repeat = (everyMs: number, work: () => Promise<unknown>): void => {
    const timer = setInterval(() => {
      work().catch((error: unknown) => log.warn({ err: error }, 'connections could not be looked after'));
    }, everyMs);
    timers.push(timer.unref());
  };

  return {
    of: handOut.of,
    renewed: handOut.renewed,
    ...flow,
    linkFor,
    linkIsFor,
    used: uses.used,
    disconnect: end.disconnect,
    endOfPrincipal: end.endOfPrincipal,
    refresh: (upstream, owner) => handOut.refreshNow(requireOauthUpstream(declared(upstream)), owner),
    async list({ owner, upstream, after, limit = DEFAULT_PAGE }) {
      const page = await listConnections(db, { tenantId, owner, upstream, after, limit });
      return { ...page, items: page.items.map((row) => connectionView(row, now())) };
    },
    async health() {
      const states = new Map<string, Record<string, number>>();
      for (const { upstream, state, count } of await countConnections(db, tenantId)) {
        if (state !== 'ending') states.set(upstream, { ...states.get(upstream), [state]: count });
      }
      return new Map([...states].map(([name, of]) => [name, { states: of, expiresAt: null, lastError: null }]));
    },
    sweep: sweep.sweep,
    start() {
      repeat(FOLLOW_MS, sweep.follow);
      repeat(SWEEP_MS, sweep.sweep);
      repeat(RETRY_MS, async () => {
        if (saver.size > 0) await saver.retry();
        await queue.run();
      });
    },
    async close() {
      stopListening();
      for (const timer of timers) clearInterval(timer);
      await saver.retry();
      await uses.flush();
    },
    stats: () => ({
      warm: warm.size,
      refreshing: handOut.underWay,
      unsaved: saver.size,
      ...refresher.counts,
      ...sweep.counted(),
    }),
  };
}
