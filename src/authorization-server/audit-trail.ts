import type { IncomingMessage } from 'node:http';
import type { AuditEvent } from '../model/audit-event.ts';
import type { JsonValue } from '../model/json.ts';
import { DEFAULT_TENANT, type PrincipalKind } from '../model/principal.ts';
import type { ServerContext } from './context.ts';
import { factsOf } from './request-facts.ts';

/** What happened, to whom, for which client. */
export interface TrailEntry {
  readonly principal?: { readonly kind: PrincipalKind; readonly id: string; readonly name?: string } | undefined;
  readonly client?: { readonly id: string; readonly name?: string | undefined } | undefined;
  /** Id of the grant, or of the client where it is about that. */
  readonly target?: string | undefined;
  readonly reason?: string | undefined;
  readonly resource?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  readonly details?: Readonly<Record<string, JsonValue>> | undefined;
}

/** Records an event of the authorization server. `request` absent: nobody's request led to it. */
export function trail(
  { audit, now }: Pick<ServerContext, 'audit' | 'now'>,
  action: string,
  request: IncomingMessage | null,
  entry: TrailEntry,
): void {
  const { principal, client } = entry;
  const facts = request === null ? null : factsOf(request);
  const event: AuditEvent = {
    phase: 'event',
    action,
    requestId: facts?.requestId ?? '',
    time: now(),
    tenantId: DEFAULT_TENANT,
    ...(principal && { principalKind: principal.kind, principalId: principal.id, principalName: principal.name }),
    ...(client && { agentKind: 'oauth_client', agentId: client.id, agentName: client.name }),
    ...(facts !== null && { address: facts.address }),
    target: entry.target,
    reason: entry.reason,
    arguments: {
      ...(entry.resource !== undefined && { resource: entry.resource }),
      ...(entry.scopes !== undefined && { scopes: [...entry.scopes] }),
      ...entry.details,
    },
  };
  audit.record(event);
}

/** By the prefix of its id. */
export const principalOf = (id: string): { kind: PrincipalKind; id: string } => ({
  kind: id.startsWith('sva_') ? 'service_account' : 'user',
  id,
});
