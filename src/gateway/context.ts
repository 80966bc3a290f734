import type { AuditLog } from '../audit/open-audit.ts';
import type { AppError } from '../errors/app-error.ts';
import type { MemoryBudget } from '../http/memory-budget.ts';
import type { CallTracer } from '../http/tracing.ts';
import type { Caller } from '../model/principal.ts';
import type { Upstream } from '../model/upstream.ts';
import type { IdentityStatements } from '../upstreams/identity-statement.ts';
import type { Credential } from '../upstreams/upstream-connection.ts';
import type { Upstreams } from '../upstreams/upstreams.ts';
import type { ConnectLinkFor } from './connect-prompt.ts';
import type { ConnectWaits } from './connect-waits.ts';
import type { LiveCalls } from './live-calls.ts';
import type { RequestStates } from './request-state.ts';
import type { Sessions } from './sessions.ts';
import type { Snapshot } from './snapshot.ts';

/** What the parts of the gateway share. Wired once, by createGateway. */
export interface GatewayContext {
  readonly snapshot: () => Snapshot;
  readonly upstreams: Upstreams;
  readonly credentialOf: (
    upstream: Upstream,
    owner: Caller['principal'] | undefined,
    /** Of a call, which is then noted as the last use of the account. */
    agentId?: string,
  ) => Credential | Promise<Credential>;
  /** Who calls, for upstreams with an `identityHeader`. */
  readonly identity: IdentityStatements;
  readonly connectLink: ConnectLinkFor;
  readonly waits: ConnectWaits;
  readonly audit: AuditLog;
  readonly sessions: Sessions;
  readonly live: LiveCalls;
  readonly log: GatewayLog;
  readonly states: RequestStates;
  readonly memory: MemoryBudget;
  /** Present when traces are configured. */
  readonly tracer: CallTracer | undefined;
  readonly observe: (call: CallObservation) => void;
  readonly pageSize: number;
  readonly version: string;
}

export interface GatewayLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** One finished call, for the metrics. */
export interface CallObservation {
  readonly upstream: string;
  readonly method: string;
  readonly outcome: string;
  readonly durationMs: number;
}

/**
 * Unexpected errors are logged with their cause; the caller gets the request id only. That a person has to connect an
 * account is no fault of anything, and the audit log has it.
 */
export function logFailure(log: GatewayLog, requestId: string, error: AppError): void {
  if (error.code === 'connection_required') return;
  const fields = { requestId, code: error.code, err: error.cause ?? error };
  if (error.code === 'internal') log.error(fields, 'request failed');
  else log.warn(fields, error.message);
}
