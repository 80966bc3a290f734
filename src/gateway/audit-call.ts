import { redactArguments } from '../audit/redact-arguments.ts';
import { sha256Hex } from '../lib/sha256.ts';
import type { AuditEvent } from '../model/audit-event.ts';
import type { JsonValue } from '../model/json.ts';
import type { McpExchange, McpRequest } from './mcp-request.ts';
import type { Outcome } from './outcome.ts';
import type { Route, Subject } from './route.ts';

const ACTIONS: Readonly<Record<string, string>> = {
  'tools/call': 'tool.call',
  'prompts/get': 'prompt.get',
  'resources/read': 'resource.read',
  'resources/subscribe': 'resource.subscribe',
  'resources/unsubscribe': 'resource.unsubscribe',
  'completion/complete': 'completion',
  'subscriptions/listen': 'resource.subscribe',
};
const NO_RULES = { keys: [] };

/** Who, from where, in which request: the part that every record of a request shares. */
function whoFields({ requestId, caller, address }: McpExchange) {
  return {
    requestId,
    tenantId: caller.tenantId,
    principalKind: caller.principal.kind,
    principalId: caller.principal.id,
    principalName: caller.principal.name,
    agentKind: caller.agent.kind,
    agentId: caller.agent.id,
    agentName: caller.agent.name,
    grantId: caller.grant?.id ?? undefined,
    address,
  } as const;
}

/** Written before anything leaves for the upstream. */
export function intentOf(request: McpRequest, route: Route): AuditEvent {
  return {
    ...callFields(request, route.upstream.audit.redact),
    phase: 'intent',
    upstream: route.upstream.name,
    target: route.target.name,
    decision: 'allow',
    reason: route.decision.reason,
  };
}

/** A call that was refused, with the true reason, which the caller is not told. `route` is null for an unknown name. */
export function denialOf(request: McpRequest, subject: Subject, route: Route | null): AuditEvent {
  return {
    ...callFields(request, route?.upstream.audit.redact ?? []),
    phase: 'event',
    upstream: route?.upstream.name ?? request.mount.upstream ?? undefined,
    target: route?.target.name ?? subject.name.slice(0, 512),
    decision: 'deny',
    reason: route?.decision.reason ?? `unknown ${subject.kind}`,
  };
}

export function outcomeOf(request: McpRequest, route: Route, outcome: Outcome): AuditEvent {
  const keys = route.upstream.audit.redact;
  return {
    // The rest stands in the intent, which the log finds by the request id.
    requestId: request.requestId,
    tenantId: request.caller.tenantId,
    phase: 'outcome',
    action: ACTIONS[request.message.method]!,
    time: Date.now(),
    outcome: outcome.outcome,
    errorCode: outcome.errorCode,
    responseBytes: outcome.bytes,
    responseHash: outcome.hash,
    response: outcome.response && redactArguments(outcome.response, { keys }),
    durationMs: Math.round((performance.now() - request.receivedAt) * 1000) / 1000,
  };
}

function callFields(request: McpRequest, redact: readonly string[]) {
  const { body, spans, message } = request;
  const args = message.params?.arguments ?? message.params?.argument;
  return {
    ...whoFields(request),
    action: ACTIONS[message.method]!,
    time: Date.now(),
    arguments:
      args === undefined
        ? undefined
        : redactArguments(args as JsonValue, redact.length > 0 ? { keys: redact } : NO_RULES),
    argumentsHash: spans.arguments && sha256Hex(body.subarray(spans.arguments[0], spans.arguments[1])),
  };
}
