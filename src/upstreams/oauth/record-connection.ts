import { newId } from '../../lib/ids.ts';
import type { JsonObject } from '../../model/json.ts';
import type { PrincipalRef } from '../../model/principal.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import type { ConnectionsContext } from './connections-context.ts';

export interface ConnectionEvent {
  readonly action:
    | 'connection.connect'
    | 'connection.disconnect'
    | 'connection.refresh'
    | 'connection.fail'
    | 'connection.revoke'
    | 'connection.register'
    | 'connection.warn';
  readonly upstream: string;
  /** Whose connection. */
  readonly owner: ConnectionOwner;
  /** Who did it, when somebody did. */
  readonly by?: Pick<PrincipalRef, 'kind' | 'id'> & { readonly name?: string | undefined };
  readonly failed?: boolean;
  /** Why, in one word. */
  readonly reason?: string | undefined;
  /** Without secrets. */
  readonly details?: JsonObject;
}

/** Writes it to the audit log. What nobody did is recorded as of the principal whose connection it is. */
export function recordConnection({ audit, now, tenantId }: ConnectionsContext, event: ConnectionEvent): void {
  const { owner, by = owner.kind === 'shared' ? undefined : { kind: owner.kind, id: owner.id } } = event;
  audit.record({
    phase: 'event',
    action: event.action,
    requestId: newId('req', now()),
    time: now(),
    tenantId,
    principalKind: by?.kind,
    principalId: by?.id,
    principalName: by?.name,
    upstream: event.upstream,
    target: owner.kind === 'shared' ? 'shared' : owner.id,
    outcome: event.failed ? 'failed' : 'ok',
    reason: event.reason,
    arguments: event.details,
  });
}
