import { AppError } from '../../errors/app-error.ts';
import type { ConnectionLink } from './connection-links.ts';
import type { ConnectionOwner } from './connection-owner.ts';

/** Why a person has to act. */
export type ConnectReason = 'not_connected' | 'expired' | 'scopes' | 'moved';

const WHY: Readonly<Record<ConnectReason, (upstream: string) => string>> = {
  not_connected: (upstream) => `"${upstream}" is not connected yet.`,
  expired: (upstream) => `"${upstream}" does not accept the connection any more, so it has to be made anew.`,
  scopes: (upstream) => `"${upstream}" needs more permissions for this than were given to it.`,
  moved: (upstream) => `"${upstream}" has another address or provider than when it was connected.`,
};

/** Says what to do, and carries the link to the page where a person can do it. */
export function connectionRequired(
  upstream: string,
  owner: ConnectionOwner | undefined,
  reason: ConnectReason,
  linkFor: (upstream: string, principal: { readonly id: string }) => ConnectionLink,
): AppError {
  const why = WHY[reason](upstream);
  const data = { upstream, reason };
  switch (owner?.kind) {
    case 'user': {
      const { url } = linkFor(upstream, owner);
      const message = `${why} Open this link in a browser, then repeat the call: ${url}`;
      return new AppError('connection_required', message, { data: { ...data, connectUrl: url } });
    }
    case 'shared':
      return new AppError(
        'connection_required',
        `${why} An administrator connects it for everybody: \`toolgate connection connect ${upstream}\`.`,
        { data },
      );
    default:
      return new AppError(
        'connection_required',
        `${why} It is used with an account of each principal, and nobody signs in as a machine: an administrator connects it for this service account at \`/connect/${upstream}\` of the gateway.`,
        { data },
      );
  }
}

export const connectionStopped = (upstream: string): AppError =>
  new AppError(
    'connection_stopped',
    `"${upstream}" names another authorization server than the one it belongs to. Nothing is sent there. Ask an administrator: \`toolgate connection show ${upstream}\`.`,
    { data: { upstream } },
  );

/** @param why one line that may be shown: no secret in it, and what a provider said is escaped */
export const tokenUnavailable = (upstream: string, why: string, cause?: unknown): AppError =>
  new AppError('upstream_unavailable', `There is no valid token for "${upstream}" right now: ${why}`, {
    data: { upstream },
    ...(cause !== undefined && { cause }),
  });

export const tokenRefused = (upstream: string, why: string): AppError =>
  new AppError('upstream_credential_rejected', `"${upstream}" ${why}`, { data: { upstream } });
