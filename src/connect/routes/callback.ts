import type { FastifyInstance, FastifyReply } from 'fastify';
import { AppError } from '../../errors/app-error.ts';
import type { BrowserSession } from '../../identity/browser-sessions.ts';
import { isOauth } from '../../model/upstream.ts';
import { findServiceAccount } from '../../store/service-accounts.ts';
import { findUser } from '../../store/users.ts';
import type { ConnectionOwner } from '../../upstreams/oauth/connections.ts';
import { callbackUrl } from '../callback-url.ts';
import { CALLBACK_PATH, type ConnectContext, connectPath } from '../connect-context.ts';
import { recordRefusal } from '../record-refusal.ts';
import { afterThis, readNext } from '../return-target.ts';
import { waitingFor } from '../service-view.ts';
import type { ConnectPage } from './connect.ts';

/** What a provider may send (RFC 6749 §4.1.2). An upstream that is called `callback` has its page here, too. */
const ANSWER = ['state', 'code', 'error'];

/**
 * `GET /connect/callback`: where every provider sends the browser back to. What it brings counts only for the person and
 * the browser that began it, and only while the person may still do it. The answer is a redirect, so that the code does not
 * stay in the address bar and loading the page again does nothing.
 */
export function callbackRoute(fastify: FastifyInstance, context: ConnectContext, page: ConnectPage): void {
  fastify.get(CALLBACK_PATH, async (request, reply) => {
    const query = request.query as Record<string, unknown>;
    if (!ANSWER.some((name) => Object.hasOwn(query, name))) return page('callback', request, reply);
    const person = await context.sessions.read(request.raw);
    if (person === null) {
      throw new AppError('connect_expired', 'You are not signed in to Toolgate in this browser, or not any more.');
    }
    const callback = callbackUrl(context.publicUrl(), request);
    const upstream = context.connections.upstreamOf(callback);
    try {
      if (upstream === null) throw new AppError('connect_expired');
      return await finish(context, { upstream, callback, person }, reply);
    } catch (thrown) {
      if (thrown instanceof AppError && thrown.code === 'connect_expired') {
        recordRefusal(context, request, { person, upstream: upstream ?? '', reason: thrown.code });
      }
      throw thrown;
    }
  });
}

async function finish(
  context: ConnectContext,
  { upstream, callback, person }: { upstream: string; callback: URL; person: BrowserSession },
  reply: FastifyReply,
): Promise<FastifyReply> {
  const mayConnect = (owner: ConnectionOwner) => mayStillConnect(context, person, upstream, owner);
  const browser = { userId: person.userId, userName: person.userName, browserHash: person.id, mayConnect };
  const { owner, returnTo } = await context.connections.complete(upstream, callback, browser);
  const next =
    readNext(returnTo) === 'all' ? afterThis(await waitingFor(context, person, upstream)) : pageOf(upstream, owner);
  return reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer').redirect(next, 303);
}

/** Rights can go while somebody is at the provider, and so can they themselves, or the account that it is for. */
async function mayStillConnect(
  { db, tenantId, upstreams, mayUse, isAdmin }: ConnectContext,
  { userId }: BrowserSession,
  name: string,
  { kind, id }: ConnectionOwner,
): Promise<boolean> {
  const upstream = upstreams().find((one) => one.name === name && one.enabled);
  if (upstream === undefined || !isOauth(upstream.auth)) return false;
  if ((await findUser(db, { tenantId, id: userId }))?.status !== 'active') return false;
  if (kind === 'user') return id === userId && (await mayUse(userId, upstream));
  if (!(await isAdmin(userId))) return false;
  return kind === 'shared' || (await findServiceAccount(db, { tenantId, id }))?.status === 'active';
}

function pageOf(upstream: string, { kind, id }: ConnectionOwner): string {
  if (kind === 'user') return connectPath(upstream);
  return `${connectPath(upstream)}?as=${kind === 'shared' ? 'shared' : id}`;
}
