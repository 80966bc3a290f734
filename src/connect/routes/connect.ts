import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../errors/app-error.ts';
import { continuePage } from '../../http/pages/continue-page.ts';
import { errorPage } from '../../http/pages/error-page.ts';
import { sendPage } from '../../http/pages/send-page.ts';
import { type AttemptLimiter, createAttemptLimiter } from '../../identity/attempt-limiter.ts';
import type { BrowserSession } from '../../identity/browser-sessions.ts';
import { formOf } from '../../identity/form-body.ts';
import { signInHref } from '../../identity/sign-in-href.ts';
import { isOauth } from '../../model/upstream.ts';
import { type AskedConnection, askedConnection } from '../asked-connection.ts';
import { requireBrowserHost, requireBrowserUrl } from '../authorization-url.ts';
import { againHref, CONNECTIONS_PATH, type ConnectContext, connectPath } from '../connect-context.ts';
import { connectPage } from '../pages/connect-page.ts';
import { connectedPage } from '../pages/connected-page.ts';
import { recordRefusal } from '../record-refusal.ts';
import { afterThis, type Next, readNext } from '../return-target.ts';
import { scopeLines } from '../scope-words.ts';
import { connectionsOf, hostOf, isWell, waitingFor } from '../service-view.ts';
import { signedInPerson } from '../signed-in-person.ts';

type ByUpstream = { Params: { upstream: string } };

/** Each may ask the provider and register there, so nobody has it done without end. */
const ASKED_PER_MINUTE = 30;

export type ConnectPage = (name: string, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** `GET` and `POST /connect/{upstream}`: asks whether to connect it, and begins when the person says yes. */
export function connectRoutes(fastify: FastifyInstance, context: ConnectContext, page: ConnectPage): void {
  fastify.get<ByUpstream>('/connect/:upstream', (request, reply) => page(request.params.upstream, request, reply));
  // What is begun is remembered for ten minutes: nobody fills the disk with it.
  const limiter = createAttemptLimiter({ attempts: ASKED_PER_MINUTE, windowMs: 60_000 });
  fastify.post<ByUpstream>('/connect/:upstream', (request, reply) =>
    beginConnecting({ ...context, limiter }, request.params.upstream, request, reply),
  );
}

/** The page of one connection: how it stands when all is well, else the question. */
export function createConnectPage(context: ConnectContext): ConnectPage {
  const limiter = createAttemptLimiter({ attempts: ASKED_PER_MINUTE, windowMs: 60_000 });
  return async (name, request, reply) => {
    const query = request.query as Record<string, unknown>;
    const person = await signedInPerson(context, request, reply, request.url);
    if (person === null) return reply;
    const asked = await askedConnection(context, request, person, { name, as: query.as, link: query.for });
    const connection = (await connectionsOf(context, asked.owner)).get(name) ?? null;
    if (connection !== null && isWell(connection) && query.again === undefined) {
      const { account, issuer, nextAction } = connection;
      const view = { upstream: name, account, host: hostOf(issuer), nextAction, againHref: againHref(asked.href) };
      return sendPage(reply, connectedPage({ ...view, connectionsHref: CONNECTIONS_PATH }));
    }
    if (limiter.excess(person.userId) > 0) return answerTooMany(request, reply);
    const question = { asked, person, next: readNext(query.next), link: query.for };
    return sendPage(reply, await askPage(context, question, request, reply));
  };
}

interface Question {
  readonly asked: AskedConnection;
  readonly person: BrowserSession;
  readonly next: Next;
  readonly link: unknown;
}

async function askPage(
  context: ConnectContext,
  { asked, person, next, link }: Question,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const { upstream, owner, serviceAccount } = asked;
  const plan = await context.connections.plan(upstream.name, owner);
  const { issuer, scopes, clientSource, account, warning } = plan;
  const host = requireBrowserHost(plan.host);
  const waiting = next === 'all' ? await waitingFor(context, person, upstream.name) : [];
  return connectPage({
    action: connectPath(upstream.name),
    csrf: context.formGuard.token(request, reply),
    fields: {
      host,
      as: owner.kind === 'user' ? undefined : owner.kind === 'shared' ? 'shared' : owner.id,
      for: typeof link === 'string' ? link : undefined,
      next: next === 'all' ? next : undefined,
    },
    upstream: upstream.name,
    upstreamHost: upstream.transport === 'stdio' ? '' : hostOf(upstream.url),
    ...{ host, issuer, clientSource },
    ...{ account, warning },
    scopes: scopeLines(scopes, isOauth(upstream.auth) ? upstream.auth.oauth.preset : null),
    usedBy: owner.kind === 'shared' ? 'everybody' : serviceAccount === null ? 'person' : { serviceAccount },
    cancel: next === 'all' ? { href: afterThis(waiting), text: 'Skip' } : { href: CONNECTIONS_PATH, text: 'Cancel' },
    remaining: waiting.length,
    user: { name: person.userName },
    switchAccountHref: signInHref({ returnTo: request.url, again: true }),
  });
}

async function beginConnecting(
  context: ConnectContext & { readonly limiter: AttemptLimiter },
  name: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const form = formOf(request);
  const person = await signedInPerson(context, request, reply, connectPath(name));
  if (person === null) return reply;
  if (!context.formGuard.accepts(request, form('csrf'))) {
    recordRefusal(context, request, { person, upstream: name, reason: 'form_refused' });
    return answerFormRefused(request, reply);
  }
  if (context.limiter.excess(person.userId) > 0) return answerTooMany(request, reply);
  const given = (field: string): string | undefined => form(field) || undefined;
  const asked = await askedConnection(context, request, person, { name, as: given('as'), link: given('for') });
  const by = { userId: person.userId, browserHash: person.id, returnTo: readNext(form('next')) };
  const url = requireBrowserUrl(await context.connections.begin(name, asked.owner, by));
  // What was begun for another host than the person agreed to is never gone to, and is forgotten after ten minutes.
  if (url.host !== form('host')) {
    throw new AppError(
      'connect_failed',
      'The other service has just changed where people sign in. Look at the page again before you go there.',
    );
  }
  return sendPage(
    reply,
    continuePage({
      title: `On to ${url.host}`,
      text: 'You sign in there and agree, and come back here.',
      href: url.href,
    }),
  );
}

export function answerFormRefused(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const page = errorPage({
    title: 'This page was open for too long',
    detail: 'The form did not come from a page of this gateway in this browser, or cookies are blocked.',
    whatToDo: 'Begin again. Nothing was connected or changed.',
    code: 'form_refused',
    requestId: request.id,
    again: { href: CONNECTIONS_PATH, text: 'My connections' },
  });
  return sendPage(reply, page, 403);
}

function answerTooMany(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const page = errorPage({
    title: 'Too many attempts',
    detail: 'You opened this page, or its form, very often within a minute.',
    whatToDo: 'Wait a minute, then try again.',
    code: 'too_many',
    requestId: request.id,
    again: { href: CONNECTIONS_PATH, text: 'My connections' },
  });
  return sendPage(reply.header('retry-after', '60'), page, 429);
}
