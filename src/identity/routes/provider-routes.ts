import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, toAppError } from '../../errors/app-error.ts';
import { sendPage } from '../../http/pages/send-page.ts';
import type { JsonObject } from '../../model/json.ts';
import { deedsOf, MADE_BY_LESSER } from '../../tokens/end-lesser-credentials.ts';
import { LoginRefused, refuseAccount } from '../login-refused.ts';
import { testDonePage } from '../pages/test-done-page.ts';
import { externalAccount } from '../providers/external-account.ts';
import { redirectUriOf } from '../providers/identity-providers.ts';
import type { ProviderClient } from '../providers/provider-client.ts';
import type { LoginSecrets, ProviderLogin } from '../providers/provider-login.ts';
import type { SignInContext } from '../sign-in-context.ts';

// openid-client costs start-up time, and only who signs in needs it.
const loadLogin = () => import('../providers/provider-login.ts');

/** What is kept while a person is at the provider. */
interface Underway extends LoginSecrets {
  readonly returnTo: string;
  /** As it was at the beginning: with another configuration the answer is for somebody else. */
  readonly issuer: string;
  readonly clientId: string;
  /** Names the test that this login is part of; null: it is a real one. */
  readonly test: string | null;
}

type ByName = { Params: { provider: string } };

/** `GET /sign-in/{provider}`, and the way back from there. */
export function providerRoutes(fastify: FastifyInstance, context: SignInContext): void {
  fastify.get<ByName>('/sign-in/:provider', async (request, reply) => {
    const client = await clientOf(context, request.params.provider);
    return recorded(context, request, () => leave(context, request, reply, client));
  });

  fastify.get<ByName>('/sign-in/callback/:provider', async (request, reply) => {
    const client = await clientOf(context, request.params.provider);
    return recorded(context, request, async () => {
      const { login, underway } = await comeBack(context, request, client);
      if (underway.test === null) return admit(context, request, reply, client, login, underway.returnTo);
      await context.tests.finish(underway.test, client.settings, login);
      return sendPage(reply, testDonePage());
    });
  });
}

/** Records why it failed. */
async function recorded<T>(context: SignInContext, request: FastifyRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = toAppError(thrown);
    const { provider } = request.params as ByName['Params'];
    const { reason, user } = error.cause instanceof LoginRefused ? error.cause : { reason: error.code };
    const action = error.code === 'identity_provider_failed' ? 'idp.failed' : 'login.failed';
    context.record(request, { action, method: 'provider', provider, reason, user });
    throw error;
  }
}

async function clientOf(context: SignInContext, name: string): Promise<ProviderClient> {
  const client = await context.providers.find(name);
  if (client === null) throw new AppError('not_found', 'There is no such identity provider.');
  return client;
}

async function leave(
  context: SignInContext,
  request: FastifyRequest,
  reply: FastifyReply,
  client: ProviderClient,
): Promise<FastifyReply> {
  const { return_to: asked, prompt, test: token } = request.query as Record<string, unknown>;
  const { name, issuer, clientId } = client.settings;
  const { newLoginSecrets, loginUrl } = await loadLogin();
  const test = typeof token === 'string' ? token : null;
  if (test !== null && !(await context.tests.isOpen(test, name))) throw new AppError('sign_in_expired');
  const secrets = newLoginSecrets();
  const underway: Underway = { ...secrets, returnTo: context.returnTo(asked), issuer, clientId, test };
  const state = await context.logins.begin(request, reply, name, { ...underway } as JsonObject);
  const redirectUri = redirectUriOf(context.publicUrl(), name);
  const url = await loginUrl(client, { ...secrets, state, redirectUri, again: prompt !== undefined });
  return reply.header('cache-control', 'no-store').redirect(url.href, 303);
}

/** Matches the answer with a login that this browser began; each is answered once, whether well or badly. */
async function comeBack(
  context: SignInContext,
  request: FastifyRequest,
  client: ProviderClient,
): Promise<{ login: ProviderLogin; underway: Underway }> {
  const { state } = request.query as Record<string, unknown>;
  const { name, issuer, clientId } = client.settings;
  const payload = typeof state === 'string' ? await context.logins.finish(request, name, state) : null;
  if (payload === null) throw new AppError('sign_in_expired', undefined, { cause: new LoginRefused('state_unknown') });
  const underway = payload as unknown as Underway;
  if (underway.issuer !== issuer || underway.clientId !== clientId) {
    throw new AppError('sign_in_expired', undefined, { cause: new LoginRefused('provider_changed') });
  }
  const answer = new URL(redirectUriOf(context.publicUrl(), name));
  answer.search = request.url.slice(request.url.indexOf('?'));
  const { finishLogin } = await loadLogin();
  const { nonce, verifier } = underway;
  return { login: await finishLogin(client, answer, { nonce, verifier, state: state as string }), underway };
}

async function admit(
  context: SignInContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { settings }: ProviderClient,
  login: ProviderLogin,
  returnTo: string,
): Promise<FastifyReply> {
  const { issuer, subject, claims, idToken, sessionId } = login;
  const provider = settings.name;
  const account = await externalAccount(
    context.db,
    settings,
    { tenantId: context.tenantId, issuer, subject, claims },
    context.now(),
  );
  if ('refusal' in account) throw refuseAccount(account.refusal, account.user);
  const { user, isNew, changed, ended } = account;
  if (changed) await context.onUserChanged(user.id, ended);
  for (const { action, target } of ended === null ? [] : deedsOf(ended)) {
    context.record(request, {
      action,
      user,
      method: 'provider',
      provider,
      reason: MADE_BY_LESSER,
      details: { target },
    });
  }
  if (isNew !== null) {
    const action = isNew === 'created' ? 'account.created' : 'account.linked';
    context.record(request, { action, user, method: 'provider', provider, details: { issuer, subject } });
  }
  await context.idTokens.keep(settings, user.id, idToken);
  const methods = ['fed', ...login.methods];
  await context.sessions.start(reply, {
    user,
    methods,
    address: context.addressOf(request.raw),
    request: request.raw,
    provider: { name: provider, sessionId, idToken },
  });
  context.record(request, {
    action: 'login.ok',
    user,
    method: 'provider',
    provider,
    details: { issuer, subject, methods },
  });
  return reply.header('cache-control', 'no-store').redirect(returnTo === '/' ? '/sign-in' : returnTo, 303);
}
