import type { ConnectionState, UpstreamConnection } from '../../store/upstream-connections.ts';
import type { ConnectionOwner } from './connection-owner.ts';

/** What people may see of a connection. Times in milliseconds since the epoch. */
export interface ConnectionView {
  /** `con_…` */
  readonly id: string;
  readonly upstream: string;
  readonly owner: ConnectionOwner;
  readonly state: Exclude<ConnectionState, 'ending'>;
  readonly issuer: string;
  readonly account: string | null;
  readonly scopes: readonly string[];
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
  readonly refreshedAt: number | null;
  readonly lastError: string | null;
  readonly lastErrorAt: number | null;
  readonly lastUsedAt: number | null;
  /** Id of the agent. */
  readonly lastUsedBy: string | null;
  readonly connectedAt: number;
  /** What somebody should do, in a sentence; null: nothing. */
  readonly nextAction: string | null;
}

export function connectionView(row: UpstreamConnection, now: number): ConnectionView {
  return {
    id: row.id,
    upstream: row.upstream,
    owner: row.owner,
    state: row.state as ConnectionView['state'],
    issuer: row.issuer,
    account: row.account,
    scopes: row.scopes,
    expiresAt: row.expiresAt,
    refreshExpiresAt: row.refreshExpiresAt,
    refreshedAt: row.refreshedAt,
    lastError: row.lastError,
    lastErrorAt: row.lastErrorAt,
    lastUsedAt: row.lastUsedAt,
    lastUsedBy: row.lastUsedBy,
    connectedAt: row.connectedAt,
    nextAction: nextAction(row, now),
  };
}

function nextAction({ state, wantedScopes, warnedAt, refreshExpiresAt, expiresAt }: UpstreamConnection, now: number) {
  switch (state) {
    case 'needs_reauth':
      return 'Connect it again: the provider does not accept the connection any more.';
    case 'needs_scopes':
      return `Connect it again to allow more: ${wantedScopes.join(', ')}.`;
    case 'changed_issuer':
      return 'An administrator has to look at it: the upstream names another authorization server than before.';
    case 'failing':
      return expiresAt !== null && expiresAt <= now
        ? 'Wait: the provider cannot give a new token right now, and is asked again.'
        : null;
    default:
      return warnedAt === null || refreshExpiresAt === null
        ? null
        : `Connect it again before ${new Date(refreshExpiresAt).toISOString()}: the provider ends it then.`;
  }
}
