import type { FastifyReply, FastifyRequest } from 'fastify';
import { sendPage } from '../../http/pages/send-page.ts';
import type { BrowserSession } from '../../identity/browser-sessions.ts';
import { formOf } from '../../identity/form-body.ts';
import { signInHref } from '../../identity/sign-in-href.ts';
import { isLoopbackHost } from '../../lib/loopback.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { listConsentsOfUser, putConsent } from '../../store/consents.ts';
import { findUser, type User } from '../../store/users.ts';
import { trail } from '../audit-trail.ts';
import { isRemoteRedirect } from '../clients/client-metadata.ts';
import type { ResourceView, ServerContext } from '../context.ts';
import { giveGrant, mayHaveGrant } from '../give-grant.ts';
import type { OidcProvider } from '../oidc-library.ts';
import { consentPage } from '../pages/consent-page.ts';
import { grantedPage } from '../pages/granted-page.ts';
import { factsOf } from '../request-facts.ts';
import { type AccessAsked, accessAsked, accessView, clientView, reachedBy } from './access-asked.ts';
import { beginAgainHref, type Interaction, pathOf, signInForInteraction } from './login.ts';
import { refuseForm, sendRefusal } from './refusal-page.ts';
import { consentRefOf } from './remembered-consent.ts';

const tenantId = DEFAULT_TENANT;
const DAY_MS = 86_400_000;

/** A question to a person, while it is asked. */
export interface ConsentQuestion {
  readonly interaction: Interaction;
  readonly user: User;
  readonly session: BrowserSession;
  readonly asked: AccessAsked;
  readonly resource: ResourceView;
  readonly redirectUri: string;
}

/**
 * Asks a person whether a client may work for them (`GET`), and does what they decide (`POST`). There is no grant before.
 * What is shown is what is granted: both come from the stored request, not from the form.
 */
export async function answerConsent(
  context: ServerContext,
  provider: OidcProvider,
  interaction: Interaction,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const session = await context.browserSessions.read(request.raw);
  if (session === null) return reply.redirect(signInForInteraction(context, interaction, false), 303);
  const user = await findUser(context.db, { tenantId, id: session.userId });
  if (user === null || user.id !== interaction.session?.accountId) {
    return sendRefusal(request, reply, {
      code: 'session_changed',
      title: 'You are signed in as somebody else now',
      detail: 'The sign-in that this page belongs to was begun by another account.',
      whatToDo: 'Go back to your program and start to sign in again.',
    });
  }
  const asked = await accessAsked(context, interaction.params);
  const resource = asked === null ? null : reachedBy(context, asked);
  if (asked === null || resource === null) {
    const error = asked === null ? 'invalid_client' : 'invalid_target';
    return finish(provider, request, reply, { error, error_description: 'There is no such client or resource.' });
  }
  const redirectUri = String(interaction.params.redirect_uri);
  const question = { interaction, user, session, asked, resource, redirectUri };
  return request.method === 'POST'
    ? decide(context, provider, question, request, reply)
    : sendPage(reply, await questionPage(context, question, context.formGuard.token(request, reply)));
}

async function questionPage(context: ServerContext, question: ConsentQuestion, csrf: string) {
  const { interaction, user, asked, resource, redirectUri } = question;
  const { issuerPath } = context.settings;
  const redirect = new URL(redirectUri);
  const consents = await listConsentsOfUser(context.db, { tenantId, userId: user.id });
  const isWeb = redirect.protocol === 'https:' || redirect.protocol === 'http:';
  return consentPage({
    ...accessView(asked, resource),
    action: `${issuerPath}/oauth/interaction/${interaction.uid}`,
    csrf,
    client: clientView(asked.client),
    user: { name: user.name },
    switchAccountHref: switchAccountHref(context, interaction),
    redirectHost: isWeb ? redirect.host : redirect.protocol,
    isLoopback: isWeb && isLoopbackHost(redirect.hostname),
    isAppScheme: !isWeb,
    remembered: isRemoteRedirect(redirectUri),
    isNew: !consents.some(({ clientId }) => clientId === asked.client.id),
  });
}

async function decide(
  context: ServerContext,
  provider: OidcProvider,
  question: ConsentQuestion,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const form = formOf(request);
  if (!context.formGuard.accepts(request, form('csrf'))) {
    return refuseForm(request, reply, 'Go back to your program and start to sign in again.');
  }
  const { user, session, asked } = question;
  const entry = {
    principal: { kind: 'user', id: user.id, name: user.name },
    client: { id: asked.client.id, name: asked.client.name },
    resource: asked.resource,
    scopes: asked.scopes,
  } as const;
  if (form('decision') !== 'allow') {
    trail(context, 'consent.denied', request.raw, { ...entry, target: asked.client.id });
    return finish(provider, request, reply, { error: 'access_denied', error_description: 'The person declined.' });
  }
  if (!(await mayHaveGrant(context, asked.client.id))) {
    trail(context, 'consent.denied', request.raw, { ...entry, target: asked.client.id, reason: 'grants_per_client' });
    const description = 'The client has as many grants as an operator allows.';
    return finish(provider, request, reply, { error: 'access_denied', error_description: description });
  }
  trail(context, 'consent.given', request.raw, { ...entry, target: asked.client.id });
  await remember(context, question);
  const { address } = factsOf(request.raw);
  const grantId = await giveGrant(context, { ...entry, user, session, address });
  trail(context, 'grant.issued', request.raw, { ...entry, target: grantId });
  return finish(provider, request, reply, { consent: { grantId } });
}

/** Of a client on the own device, which is asked for every time, only that it is not new. */
async function remember(
  { db, now, settings }: ServerContext,
  { user, asked, redirectUri }: ConsentQuestion,
): Promise<void> {
  const { client, resource, scopes } = asked;
  const createdAt = now();
  const expiresAt = createdAt + settings.grantDays * DAY_MS;
  const ref = consentRefOf(user.id, client.id, redirectUri, resource);
  await putConsent(db, { ...ref, scopes, createdAt, expiresAt });
}

/**
 * Hands the decision to the library. What follows leads away from this origin, which a form's answer may not
 * (`form-action`), so there is a page in between.
 */
async function finish(
  provider: OidcProvider,
  request: FastifyRequest,
  reply: FastifyReply,
  result: Parameters<OidcProvider['interactionResult']>[2],
): Promise<FastifyReply> {
  const href = pathOf(await provider.interactionResult(request.raw, reply.raw, result));
  if (request.method !== 'POST') return reply.redirect(href, 303);
  return sendPage(reply, grantedPage({ href, allowed: 'consent' in result }));
}

/** Signs in anew and then asks again from the beginning, for whoever that is. */
const switchAccountHref = (context: ServerContext, interaction: Interaction): string =>
  signInHref({ returnTo: beginAgainHref(context, interaction), again: true });
