import type { AppError } from '../../errors/app-error.ts';
import type { ConnectionPatch, UpstreamConnection } from '../../store/upstream-connections.ts';
import { connectionRequired, connectionStopped, tokenUnavailable } from './connection-errors.ts';
import type { LinkFor } from './load-connection.ts';
import { ProviderFailure, type ProviderFailureKind } from './provider/provider-failure.ts';
import { backOffMs } from './refresh-schedule.ts';

/** What becomes of a connection whose tokens could not be refreshed, and what its callers are told. */
export interface RefreshVerdict {
  readonly kind: ProviderFailureKind | 'internal';
  readonly patch: ConnectionPatch;
  readonly error: AppError;
  /** An operator has to look at it. */
  readonly alert: boolean;
}

/** Nobody can mend these by waiting a second, so the provider is asked seldom. */
const SELDOM: ReadonlySet<RefreshVerdict['kind']> = new Set(['invalid_client', 'registration', 'metadata']);
const SELDOM_MS = 5 * 60_000;

export function judgeFailure(
  error: unknown,
  {
    row,
    cutShort,
    now,
    linkFor,
  }: {
    readonly row: UpstreamConnection;
    /** The refresh before this one did not come to its end: its process was killed, for instance. */
    readonly cutShort: boolean;
    readonly now: number;
    readonly linkFor: LinkFor;
  },
): RefreshVerdict {
  const { upstream, owner } = row;
  const failure = error instanceof ProviderFailure ? error : null;
  const kind = failure?.kind ?? 'internal';
  // What is no failure of a provider may say anything, and goes to the log only.
  const why = failure?.detail ?? 'The gateway could not do it; its log says why.';
  const noted = { lastErrorAt: now, failures: row.failures + 1 };
  switch (kind) {
    case 'invalid_grant':
    case 'denied':
    case 'invalid_scope': {
      const lastError = cutShort ? `${why} (The refresh before was cut short, and its tokens are lost.)` : why;
      return {
        kind,
        patch: { ...noted, state: 'needs_reauth', lastError, retryAt: null, refreshDueAt: null },
        error: connectionRequired(upstream, owner, 'expired', linkFor),
        alert: false,
      };
    }
    case 'changed_issuer':
      return {
        kind,
        patch: { ...noted, state: 'changed_issuer', lastError: why, retryAt: null, refreshDueAt: null },
        error: connectionStopped(upstream),
        alert: true,
      };
    default: {
      const waitMs = SELDOM.has(kind) ? SELDOM_MS * (0.5 + Math.random()) : backOffMs(row.failures + 1);
      return {
        kind,
        patch: { ...noted, state: 'failing', lastError: why, retryAt: now + waitMs },
        error: tokenUnavailable(upstream, why, error),
        alert: kind !== 'transient' && row.failures === 0,
      };
    }
  }
}
