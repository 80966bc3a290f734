import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditLog } from '../audit/open-audit.ts';
import type { MemoryBudget } from '../http/memory-budget.ts';
import type { CallTracer } from '../http/tracing.ts';
import type { Secret } from '../lib/secret.ts';
import type { Caller } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import type { IdentityStatements } from '../upstreams/identity-statement.ts';
import type { Credential } from '../upstreams/upstream-connection.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import { announceChange, announceUpdate } from './announce.ts';
import type { VerifyCredential } from './authenticate.ts';
import type { ConnectLinkFor } from './connect-prompt.ts';
import { createConnectWaits } from './connect-waits.ts';
import { afterConnecting, afterLeaving, type ConnectionChange } from './connection-changes.ts';
import type { CallObservation, GatewayContext, GatewayLog } from './context.ts';
import { type HandlerOptions, handleMcp } from './handle-mcp.ts';
import { createLiveCalls } from './live-calls.ts';
import { recheckRights, rolesThatDiffer } from './recheck-rights.ts';
import { createRequestStates } from './request-state.ts';
import { createSessions, type SessionLimits } from './sessions.ts';
import { createSnapshot, type Declared } from './snapshot.ts';
import type { ListenStream } from './subscriptions-listen.ts';

export interface GatewayOptions extends HandlerOptions {
  readonly upstreams: Upstreams;
  /** The declared upstreams and the compiled policy, as of now; read again at every `refresh()`. */
  readonly declared: () => Declared;
  readonly credentialOf: (
    upstream: Upstream,
    owner: Caller['principal'] | undefined,
    /** Of a call, which is then noted as the last use of the account. */
    agentId?: string,
  ) => Credential | Promise<Credential>;
  /** Who calls, for upstreams with an `identityHeader`. */
  readonly identity: IdentityStatements;
  /** The page where a person connects an account of their own; null where there is none for them. */
  readonly connectLink: ConnectLinkFor;
  readonly verify: VerifyCredential;
  readonly audit: AuditLog;
  readonly log: GatewayLog;
  /** Seals handles of upstreams that pass through clients; kept, so that a restart breaks no exchange. */
  readonly requestStateKey: Secret;
  readonly tracer: CallTracer | undefined;
  readonly observe: (call: CallObservation) => void;
  readonly memory: MemoryBudget;
  readonly sessionLimits: SessionLimits;
  readonly pageSize: number;
  readonly version: string;
}

export type Gateway = ReturnType<typeof createGateway>;

const KEEP_ALIVE_MS = 25_000;
const SWEEP_MS = 30_000;
/** An expired credential, or what another process changed, ends streams this much later at most. */
const RECHECK_MS = 5_000;

/** The MCP endpoint: resource server and hot path. */
export function createGateway(options: GatewayOptions) {
  const take = () => createSnapshot(options.declared(), options.upstreams);
  let snapshot = take();
  const context: GatewayContext = {
    snapshot: () => snapshot,
    upstreams: options.upstreams,
    credentialOf: options.credentialOf,
    identity: options.identity,
    connectLink: options.connectLink,
    waits: createConnectWaits(options.credentialOf),
    audit: options.audit,
    sessions: createSessions(options.sessionLimits),
    live: createLiveCalls(),
    log: options.log,
    states: createRequestStates(options.requestStateKey),
    tracer: options.tracer,
    observe: options.observe,
    memory: options.memory,
    get pageSize() {
      return options.pageSize;
    },
    version: options.version,
  };
  const listeners = new Set<ListenStream>();
  let { roles } = options.declared();
  options.upstreams.onChange(({ upstream, what, owner }) => {
    snapshot = take();
    const lists = what === 'all' ? (['tools', 'prompts', 'resources'] as const) : [what];
    announceChange(context, listeners, upstream, lists, owner?.id);
  });
  options.upstreams.onServerMessage(({ upstream, message, owner }) => {
    const uri = 'params' in message ? message.params?.uri : undefined;
    if ('method' in message && message.method === 'notifications/resources/updated' && typeof uri === 'string') {
      announceUpdate(context, upstream, uri, owner?.id);
    }
  });
  const timers = [
    setInterval(() => {
      for (const session of context.sessions.all()) session.stream?.keepAlive();
      for (const stream of listeners) stream.keepAlive();
    }, KEEP_ALIVE_MS),
    setInterval(() => context.sessions.sweep(), SWEEP_MS),
    setInterval(() => void recheckRights(context, options, context.live.streams(), new Set()), RECHECK_MS),
  ];
  for (const timer of timers) timer.unref();

  return {
    handle: (http: IncomingMessage, res: ServerResponse): Promise<void> =>
      handleMcp(context, options, listeners, http, res),
    /** Takes a new snapshot: upstreams, roles or principals changed. */
    refresh(): void {
      snapshot = take();
    },
    /** After rights changed, and after `refresh`: ends calls and streams under way that are not covered any more. */
    recheck(): Promise<void> {
      const before = roles;
      roles = options.declared().roles;
      return recheckRights(context, options, context.live.all(), rolesThatDiffer(before, roles));
    },
    /** Ends what a revoked key has open, at once. */
    endOfGrant: (grantId: string): void => context.live.endOfGrant(grantId),
    endOfAgent: (agentId: string): void => context.live.endOfAgent(agentId),
    /** Ends what a disabled principal has open, and its sessions. */
    endOfPrincipal(principalId: string): void {
      context.live.endOfPrincipal(principalId);
      context.sessions.endOfPrincipal(principalId);
    },
    /** A person connected their account: what they are offered is loaded, and their clients are told. */
    connected: (change: ConnectionChange): Promise<void> => afterConnecting(context, listeners, change),
    /** The account was taken away, by its person or with its person. */
    disconnected: (change: ConnectionChange): void => afterLeaving(context, listeners, change),
    callsUnderWay: () => context.live.size,
    sessionCount: () => context.sessions.all().length,
    /** Ends streams at once, lets calls finish for up to `graceMs`. Called after the listener stopped accepting. */
    async close(graceMs: number): Promise<void> {
      for (const timer of timers) clearInterval(timer);
      context.waits.close();
      await context.live.drain(graceMs);
      context.sessions.endAll();
    },
  };
}
