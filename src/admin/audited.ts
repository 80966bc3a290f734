import { AppError, toAppError } from '../errors/app-error.ts';
import type { AuditEvent } from '../model/audit-event.ts';
import type { JsonValue } from '../model/json.ts';
import { adminLevel } from './authorize.ts';
import type { AdminRequest } from './routes.ts';

/** How long a change waits for its record to be on the disk, when the audit log itself does not wait (async mode). */
const DURABLE_WITHIN_MS = 2_000;

/** Who asks for it, as the log names them. */
export type Who = Pick<AdminRequest, 'context' | 'requestId' | 'caller' | 'address'>;

/** What is about to be done. */
export interface Deed {
  /** Dotted and stable, such as `user.create`. */
  readonly action: string;
  /** Name or id of what it is done to. */
  readonly target: string;
  /** What is to become of it, without secrets. */
  readonly details?: JsonValue | undefined;
  /** Tells several deeds of one request apart. */
  readonly part?: number | undefined;
}

interface Consequence extends Pick<Deed, 'action' | 'target'> {
  readonly reason: string;
}

function whoFields({ requestId, caller, address }: Who, part?: number) {
  return {
    requestId: part === undefined ? requestId : `${requestId}.${part}`,
    tenantId: caller.tenantId,
    principalKind: caller.principal.kind,
    principalId: caller.principal.id,
    principalName: caller.principal.name,
    agentKind: caller.agent.kind,
    agentId: caller.agent.id,
    agentName: caller.agent.name,
    address,
  } as const;
}

/**
 * Intent, act, outcome. The intent is on the disk before `act` is called, also where the audit log runs in async mode:
 * changes are rare and always worth the wait. Rejects with `audit_unavailable`, without having called `act`, when it
 * cannot be recorded; otherwise like `act`.
 */
export async function audited<T>(request: Who, deed: Deed, act: () => Promise<T>): Promise<T> {
  return auditedTogether(request, [deed], act);
}

/** The same for several deeds that succeed or fail as one. All intents are on the disk before `act` is called. */
export async function auditedTogether<T>(request: Who, deeds: readonly Deed[], act: () => Promise<T>): Promise<T> {
  const { audit } = request.context;
  const startedAt = performance.now();
  const finish = (done: readonly Deed[], error?: AppError): void => {
    for (const deed of done) {
      audit.record({
        ...whoFields(request, deed.part),
        phase: 'outcome',
        action: deed.action,
        time: Date.now(),
        target: deed.target,
        outcome: error === undefined ? 'ok' : error.status >= 500 ? 'failed' : 'error',
        errorCode: error?.code,
        durationMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
      });
    }
  };

  const intents = await Promise.allSettled(deeds.map((deed) => audit.intent(intentOf(request, deed))));
  const accepted = deeds.filter((_, i) => intents[i]!.status === 'fulfilled');
  const refused = intents.find((intent) => intent.status === 'rejected');
  try {
    if (refused !== undefined) throw refused.reason;
    await untilDurable(audit);
    const result = await act();
    finish(accepted);
    return result;
  } catch (error) {
    finish(accepted, toAppError(error));
    throw error;
  }
}

function intentOf(request: Who, { action, target, details, part }: Deed): AuditEvent {
  return {
    ...whoFields(request, part),
    phase: 'intent',
    action,
    time: Date.now(),
    target,
    decision: 'allow',
    reason: `role ${adminLevel(request.caller)}`,
    arguments: details,
  };
}

async function untilDurable(audit: Who['context']['audit']): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new AppError('audit_unavailable')), DURABLE_WITHIN_MS);
  try {
    await Promise.race([audit.flush(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What happened to others by what the request did, when it is known and done. */
export function recordConsequence(request: Who, { action, target, reason }: Consequence): void {
  request.context.audit.record({
    ...whoFields(request),
    phase: 'event',
    action,
    time: Date.now(),
    target,
    decision: 'allow',
    reason,
  });
}

/** A request that a known caller may not make. Nothing is done, so nothing waits for the record. */
export function recordRefusal(request: Who, target: string, error: AppError): void {
  request.context.audit.record({
    ...whoFields(request),
    phase: 'event',
    action: 'admin.refused',
    time: Date.now(),
    target,
    decision: 'deny',
    reason: error.code,
    errorCode: error.code,
  });
}
