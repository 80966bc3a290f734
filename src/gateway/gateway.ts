import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AuditLog } from '../audit/open-audit.ts';
import type { MemoryBudget } from '../http/memory-budget.ts';
import type { CallTracer } from '../http/tracing.ts';
import type { Secret } from '../lib/secret.ts';
import type { Caller } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import type { Credential } from '../upstreams/upstream-connection.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import { announceChange, announceUpdate } from './announce.ts';
import type { VerifyCredential } from './authenticate.ts';
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
  ) => Credential | Promise<Credential>;
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
  options.upstreams.onChange(({ upstream, what }) => {
    snapshot = take();
    announceChange(context, listeners, upstream, what === 'all' ? ['tools', 'prompts', 'resources'] : [what]);
  });
  options.upstreams.onServerMessage(({ upstream, message }) => {
    const uri = 'params' in message ? message.params?.uri : undefined;
    if ('method' in message && message.method === 'notifications/resources/updated' && typeof uri === 'string') {
      announceUpdate(context, upstream, uri);
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
    callsUnderWay: () => context.live.size,
    sessionCount: () => context.sessions.all().length,
    /** Ends streams at once, lets calls finish for up to `graceMs`. Called after the listener stopped accepting. */
    async close(graceMs: number): Promise<void> {
      for (const timer of timers) clearInterval(timer);
      await context.live.drain(graceMs);
      context.sessions.endAll();
    },
  };
}
