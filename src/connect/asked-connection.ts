import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.ts';
import type { BrowserSession } from '../identity/browser-sessions.ts';
import { isOauth, type Upstream } from '../model/upstream.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import type { ConnectionOwner } from '../upstreams/oauth/connections.ts';
import { SHARED } from '../vault/vault.ts';
import { type ConnectContext, connectPath } from './connect-context.ts';
import { recordRefusal } from './record-refusal.ts';

/** Whose connection to what a request is about, once it is known that this person may make it. */
export interface AskedConnection {
  readonly upstream: Upstream;
  readonly owner: ConnectionOwner;
  /** Name of the service account that it is for; null for the person's own and the shared one. */
  readonly serviceAccount: string | null;
  /** Back to the page of this connection. */
  readonly href: string;
}

export interface AskedFields {
  /** Name of the upstream. */
  readonly name: string;
  /** `shared`, or the id of a service account; anything else: the person themselves. */
  readonly as?: unknown;
  /** `for` of a link that an agent was given; it must be this person's agent. */
  readonly link?: unknown;
}

export const ownOf = ({ userId }: BrowserSession): ConnectionOwner => ({ kind: 'user', id: userId });

/**
 * Finds out whose account is to be connected. An upstream that this person may not use is like one that does not exist.
 *
 * @throws AppError `connect_link_foreign` for a link that was made for somebody else, which is recorded; `admin_required`
 * for the account that everybody shares, or that of a service account; `not_found`
 */
export async function askedConnection(
  context: ConnectContext,
  request: FastifyRequest,
  person: BrowserSession,
  { name, as, link }: AskedFields,
): Promise<AskedConnection> {
  if (link !== undefined && !(typeof link === 'string' && context.connections.linkIsFor(name, link, person.userId))) {
    throw refused(context, request, person, name, new AppError('connect_link_foreign'));
  }
  const absent = new AppError('not_found', `There is no service “${name}” that you can connect.`);
  const upstream = context.upstreams().find((one) => one.name === name && one.enabled);
  if (upstream === undefined || !isOauth(upstream.auth)) throw absent;
  const { kind } = upstream.auth;
  const isShared = kind === 'oauth-shared' && (as === undefined || as === 'shared');
  if (kind === 'oauth-per-user' && as === undefined) {
    if (!(await context.mayUse(person.userId, upstream))) throw absent;
    return { upstream, owner: ownOf(person), serviceAccount: null, href: connectPath(name) };
  }
  if (!(await context.isAdmin(person.userId))) {
    // Who may use it knows of it anyway, and is told who can help.
    if (!(await context.mayUse(person.userId, upstream))) throw absent;
    const detail = `Everybody shares one account at “${name}”, and only an owner or administrator connects it.`;
    throw refused(context, request, person, name, new AppError('admin_required', isShared ? detail : undefined));
  }
  if (isShared) return { upstream, owner: SHARED, serviceAccount: null, href: `${connectPath(name)}?as=shared` };
  if (kind !== 'oauth-per-user' || typeof as !== 'string') throw absent;
  const account = await findServiceAccount(context.db, { tenantId: context.tenantId, id: as });
  if (account === null || account.status !== 'active') {
    throw new AppError('not_found', 'There is no such service account, or it is disabled.');
  }
  const owner = { kind: 'service_account', id: account.id } as const;
  return { upstream, owner, serviceAccount: account.name, href: `${connectPath(name)}?as=${account.id}` };
}

function refused(
  context: ConnectContext,
  request: FastifyRequest,
  person: BrowserSession,
  upstream: string,
  error: AppError,
): AppError {
  recordRefusal(context, request, { person, upstream, reason: error.code });
  return error;
}
