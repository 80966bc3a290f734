import type { FastifyRequest } from 'fastify';
import type { AuditLog } from '../audit/open-audit.ts';
import type { JsonObject } from '../model/json.ts';
import type { EndingAction } from '../tokens/end-lesser-credentials.ts';
import { createAttemptLimiter } from './attempt-limiter.ts';

/** One thing that happened while somebody signed in. */
export interface LoginEvent {
  readonly action:
    | 'login.ok'
    | 'login.failed'
    | 'login.locked'
    | 'login.ended'
    /** The identity provider could not be reached, or what it sent cannot be trusted. */
    | 'idp.failed'
    | 'account.set_up'
    | 'account.created'
    | 'account.linked'
    /** Signing in made somebody an owner or admin, which ends what others of lesser standing made for them. */
    | EndingAction;
  /** Absent when it is not known whose account was meant. What was typed as a name is never recorded: it may be a password. */
  readonly user?: { readonly id: string; readonly name: string } | undefined;
  readonly method: 'password' | 'code' | 'provider' | 'setup_link' | 'browser';
  /** Name of the identity provider. */
  readonly provider?: string | undefined;
  /** Why not, in one word. */
  readonly reason?: string | undefined;
  readonly details?: JsonObject | undefined;
}

export type RecordLogin = (request: FastifyRequest, event: LoginEvent) => void;

/** Failures of nobody in particular cost whoever causes them nothing, so they do not fill the log. */
const ANONYMOUS_FAILURES = { attempts: 30, windowMs: 15 * 60_000 };

/** Makes the function that writes these events to the audit log. */
export function createLoginRecorder({
  audit,
  tenantId,
  addressOf,
  now,
}: {
  audit: Pick<AuditLog, 'record'>;
  tenantId: string;
  addressOf: (request: FastifyRequest['raw']) => string;
  now: () => number;
}): RecordLogin {
  const anonymous = createAttemptLimiter(ANONYMOUS_FAILURES);
  return (request, { action, user, method, provider, reason, details }) => {
    const failed = action === 'login.failed' || action === 'login.locked' || action === 'idp.failed';
    const address = addressOf(request.raw);
    if (failed && user === undefined && anonymous.excess(address) > 0) return;
    audit.record({
      phase: 'event',
      action,
      requestId: request.id,
      time: now(),
      tenantId,
      principalKind: user && 'user',
      principalId: user?.id,
      principalName: user?.name,
      address,
      target: provider ?? 'local',
      decision: failed ? 'deny' : 'allow',
      reason,
      arguments: { method, ...(provider !== undefined && { provider }), ...details },
    });
  };
}
