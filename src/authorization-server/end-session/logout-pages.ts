import type { FastifyReply, FastifyRequest } from 'fastify';
import { continuePage } from '../../http/pages/continue-page.ts';
import { sendPage } from '../../http/pages/send-page.ts';
import { formOf } from '../../identity/form-body.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { findOauthClient } from '../../store/oauth-clients.ts';
import { trail } from '../audit-trail.ts';
import type { ServerContext } from '../context.ts';
import { ENDPOINTS } from '../endpoints.ts';
import { refuseForm } from '../interactions/refusal-page.ts';
import { logoutPage } from '../pages/logout-page.ts';
import { CONFIRM_PATH, DONE_PATH, logoutHref, logoutTarget, readLogoutRequest } from './logout-target.ts';

const PARAMETERS = ['id_token_hint', 'logout_hint', 'client_id', 'post_logout_redirect_uri', 'state', 'ui_locales'];

/**
 * A request to sign out that was sent as a form (§2 allows it). Another site's form brings none of our cookies along, so
 * nobody would be signed in here: the browser asks again, as if it had followed a link.
 */
export async function logoutByPost(
  { settings }: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const form = formOf(request);
  const given = PARAMETERS.map((name) => [name, form(name)]).filter(([, value]) => value !== '');
  return reply.redirect(`${settings.issuerPath}${ENDPOINTS.end_session}?${new URLSearchParams(given)}`, 303);
}

/** Asks a person whether they want to sign out. */
export async function askLogout(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const asked = readLogoutRequest(request.query as Record<string, unknown>);
  const session = await context.browserSessions.read(request.raw);
  if (session === null) return reply.redirect(logoutHref(context, DONE_PATH, asked), 303);
  const { clientId } = asked;
  const client =
    clientId === undefined || clientId.includes('\0')
      ? null
      : await findOauthClient(context.db, { tenantId: DEFAULT_TENANT, id: clientId });
  const page = logoutPage({
    action: logoutHref(context, CONFIRM_PATH, asked),
    csrf: context.formGuard.token(request, reply),
    userName: session.userName,
    clientName: client?.name,
  });
  return sendPage(reply, page);
}

/** Does what they decide. The way on may leave this origin, where a form's answer may not redirect to. */
export async function decideLogout(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const form = formOf(request);
  if (!context.formGuard.accepts(request, form('csrf'))) {
    return refuseForm(request, reply, 'Go back to your program and sign out again.');
  }
  if (form('decision') !== 'sign-out') return reply.redirect('/sign-in', 303);
  const asked = readLogoutRequest(request.query as Record<string, unknown>);
  const session = await context.browserSessions.read(request.raw);
  await context.browserSessions.end(request.raw, reply);
  if (session !== null) {
    trail(context, 'login.ended', request.raw, {
      principal: { kind: 'user', id: session.userId, name: session.userName },
      client: asked.clientId === undefined ? undefined : { id: asked.clientId },
      target: session.provider ?? 'local',
      reason: 'client_logout',
    });
  }
  const href = logoutHref(context, DONE_PATH, asked);
  return sendPage(reply, continuePage({ title: 'You are signed out', text: 'You go back to your program now.', href }));
}

/** Back to the program, or to the page that says that it is done. */
export async function finishLogout(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const target = await logoutTarget(context, readLogoutRequest(request.query as Record<string, unknown>));
  return reply.header('cache-control', 'no-store').redirect(target ?? '/signed-out', 303);
}
