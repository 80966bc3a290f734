import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../errors/app-error.ts';
import { continuePage } from '../../http/pages/continue-page.ts';
import { sendPage } from '../../http/pages/send-page.ts';
import { formOf } from '../form-body.ts';
import type { LoginFailure, LoginResult } from '../local-accounts.ts';
import { signInPage } from '../pages/sign-in-page.ts';
import { signedInPage } from '../pages/signed-in-page.ts';
import type { SignInContext } from '../sign-in-context.ts';
import { signInHref } from '../sign-in-href.ts';

/** Says nothing about the account: whether it exists, is locked or disabled. */
const FAILED =
  'That did not work. Check the name and the password. After several attempts in a row, signing in is paused for a while.';
const TOO_MANY = 'Too many attempts were made from here. Wait a quarter of an hour, then try again.';
export const FORM_REFUSED = 'This page was open for too long, or cookies are blocked. Please try again.';

const TRY_AGAIN_SECONDS = 900;
const MAX_HINT = 256;

type Query = Readonly<Record<string, unknown>>;

/** `GET /sign-in?return_to=…`, and the form with name and password that it shows. */
export function passwordRoutes(fastify: FastifyInstance, context: SignInContext): void {
  fastify.get('/sign-in', async (request, reply) => {
    const { return_to: asked, prompt, login_hint: hint } = request.query as Query;
    const returnTo = context.returnTo(asked);
    const again = prompt !== undefined;
    const session = returnTo === '/' && !again ? await context.sessions.read(request.raw) : null;
    if (session !== null) return answerSignedIn(context, request, reply, session.userName);
    const providers = context.providers.list();
    // Nothing to choose.
    if (providers.length === 1 && !context.localAccounts()) {
      return reply.redirect(signInHref({ returnTo, provider: providers[0]!.name, again }), 303);
    }
    const loginHint = typeof hint === 'string' ? hint.slice(0, MAX_HINT) : undefined;
    return answerForm(context, request, reply, { returnTo, again, loginHint });
  });

  fastify.post('/sign-in', async (request, reply) => {
    if (!context.localAccounts()) throw new AppError('not_found', 'This gateway keeps no passwords.');
    const form = formOf(request);
    const returnTo = context.returnTo(form('return_to'));
    const login = form('login').trim();
    const asked = { returnTo, again: false, loginHint: login.slice(0, MAX_HINT) };
    if (!context.forms.accepts(request, form('csrf'))) {
      return answerForm(context, request, reply, { ...asked, error: FORM_REFUSED, status: 403 });
    }
    const address = context.addressOf(request.raw);
    const result = await context.accounts.checkPassword(login, form('password'), address);
    if ('failure' in result) {
      recordFailure(context, request, 'password', result);
      if (result.failure !== 'too_many_attempts') {
        return answerForm(context, request, reply, { ...asked, error: FAILED, status: 422 });
      }
      reply.header('retry-after', TRY_AGAIN_SECONDS);
      return answerForm(context, request, reply, { ...asked, error: TOO_MANY, status: 429 });
    }
    if (result.secondFactor) {
      await context.logins.beginCode(reply, { userId: result.user.id, returnTo });
      return reply.redirect('/sign-in/totp', 303);
    }
    return completeLocally(context, request, reply, { ...result, returnTo, method: 'password' });
  });
}

/** Starts the session and sends the person on. */
export async function completeLocally(
  context: SignInContext,
  request: FastifyRequest,
  reply: FastifyReply,
  login: {
    user: Extract<LoginResult, { user: object; secondFactor: false }>['user'];
    methods: readonly string[];
    returnTo: string;
    method: 'password' | 'code' | 'setup_link';
  },
): Promise<FastifyReply> {
  const { user, methods, returnTo, method } = login;
  const address = context.addressOf(request.raw);
  await context.sessions.start(reply, { user, methods, address, request: request.raw });
  context.record(request, { action: 'login.ok', user, method, details: { methods: [...methods] } });
  if (returnTo === '/') return reply.redirect('/sign-in', 303);
  const title = 'You are signed in';
  return sendPage(reply, continuePage({ title, text: `As ${user.name}.`, href: returnTo }));
}

/** Records a failure, and the lock that it led to. */
export function recordFailure(
  { record }: SignInContext,
  request: FastifyRequest,
  method: 'password' | 'code',
  failed: Extract<LoginResult, { failure: LoginFailure }>,
): void {
  const { failure: reason, user, locks, repeated } = failed;
  if (repeated === true) return;
  record(request, { action: 'login.failed', user, method, reason });
  if (locks) record(request, { action: 'login.locked', user, method, reason: 'too_many_failures' });
}

function answerForm(
  context: SignInContext,
  request: FastifyRequest,
  reply: FastifyReply,
  view: { returnTo: string; again: boolean; loginHint?: string | undefined; error?: string; status?: number },
): FastifyReply {
  const { returnTo, again, loginHint, error, status } = view;
  const page = signInPage({
    action: '/sign-in',
    csrf: context.forms.token(request, reply),
    returnTo,
    providers: context.providers
      .list()
      .map((one) => ({ ...one, href: signInHref({ returnTo, provider: one.name, again }) })),
    local: context.localAccounts(),
    loginHint,
    error,
  });
  return sendPage(reply, page, status);
}

function answerSignedIn(
  context: SignInContext,
  request: FastifyRequest,
  reply: FastifyReply,
  userName: string,
): FastifyReply {
  const csrf = context.forms.token(request, reply);
  const switchAccountHref = signInHref({ returnTo: '/', again: true });
  return sendPage(
    reply,
    signedInPage({ userName, csrf, signOutAction: '/sign-out', connectionsHref: '/connect', switchAccountHref }),
  );
}
