import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { AppError } from '../errors/app-error.ts';
import { createAttemptLimiter } from '../identity/attempt-limiter.ts';
import { acceptForms } from '../identity/form-body.ts';
import { isLoopbackHost } from '../lib/loopback.ts';
import { offersRegistration } from './clients/registration-policy.ts';
import type { ServerContext } from './context.ts';
import { askLogout, decideLogout, finishLogout, logoutByPost } from './end-session/logout-pages.ts';
import { CONFIRM_PATH, DONE_PATH } from './end-session/logout-target.ts';
import { ENDPOINTS, LEGACY_ENDPOINTS } from './endpoints.ts';
import { forwardToProvider } from './forward-to-provider.ts';
import { answerConsent } from './interactions/consent.ts';
import type { createDevicePages } from './interactions/device.ts';
import { answerLogin } from './interactions/login.ts';
import { sendRefusal } from './interactions/refusal-page.ts';
import type { OidcProvider } from './oidc-library.ts';
import { noteFacts } from './request-facts.ts';

/** What serves requests at a moment; another one takes its place when keys or settings change. */
export interface Serving {
  readonly context: ServerContext;
  readonly provider: OidcProvider;
  readonly devicePages: ReturnType<typeof createDevicePages>;
}

const METADATA = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
const HOUR_MS = 3_600_000;
/** What anybody can begin, and what is then kept for a while: for the authorization endpoint an hour. */
const BEGINNINGS: ReadonlySet<string> = new Set([
  ENDPOINTS.authorization,
  ENDPOINTS.pushed_authorization_request,
  ENDPOINTS.device_authorization,
]);
/** Of one address: a whole office in the morning, but not what fills a disk. */
const BEGUN_PER_MINUTE = 300;

type Handler = (serving: Serving, request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** The routes of the authorization server, as a Fastify plugin. `issuerPath` is fixed at the start. */
export function oauthRoutes(issuerPath: string, serving: () => Promise<Serving>) {
  const answered = (handler: Handler) => async (request: FastifyRequest, reply: FastifyReply) => {
    const now = await serving();
    noteFacts(request.raw, { requestId: request.id, address: now.context.addressOf(request.raw) });
    return handler(now, request, reply);
  };

  return async (fastify: FastifyInstance): Promise<void> => {
    await fastify.register(async (pages) => {
      acceptForms(pages);
      const interaction = answered(answerInteraction);
      pages.get(`${issuerPath}/oauth/interaction/:uid`, interaction);
      pages.post(`${issuerPath}/oauth/interaction/:uid`, interaction);
      const device = answered(async (now, request, reply) => {
        if (!now.context.settings.deviceFlow) throw new AppError('not_found');
        return request.method === 'POST' ? now.devicePages.post(request, reply) : now.devicePages.get(request, reply);
      });
      pages.get(issuerPath + ENDPOINTS.code_verification, device);
      pages.post(issuerPath + ENDPOINTS.code_verification, device);
      addLogoutPages(pages, issuerPath, answered);
    });
    await fastify.register(async (endpoints) => {
      // The library reads the body itself.
      endpoints.removeAllContentTypeParsers();
      endpoints.addContentTypeParser('*', (_request, _payload, done) => done(null));
      addEndpoints(endpoints, issuerPath, answered);
    });
  };
}

type Answered = (handler: Handler) => (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

/** Signing out at the wish of a client; see end-session/. */
function addLogoutPages(pages: FastifyInstance, issuerPath: string, answered: Answered): void {
  const path = ENDPOINTS.end_session;
  const forward: Handler = (now, request, reply) =>
    forwardToProvider(now.context, now.provider, path, request, reply, { page: true });
  const page = (show: typeof askLogout) => answered(({ context }, request, reply) => show(context, request, reply));
  pages.get(issuerPath + path, answered(forward));
  pages.post(issuerPath + path, page(logoutByPost));
  pages.get(issuerPath + CONFIRM_PATH, page(askLogout));
  pages.post(issuerPath + CONFIRM_PATH, page(decideLogout));
  pages.get(issuerPath + DONE_PATH, page(finishLogout));
}

function addEndpoints(fastify: FastifyInstance, issuerPath: string, answered: Answered): void {
  const begun = createAttemptLimiter({ attempts: BEGUN_PER_MINUTE, windowMs: 60_000 });
  const serve = (method: HTTPMethods[], url: string, path: string, page = false): void => {
    const forward: Handler = (now, request, reply) =>
      forwardToProvider(now.context, now.provider, path, request, reply, { page });
    const handler = answered(BEGINNINGS.has(path) ? withinLimit(begun, forward, page) : forward);
    fastify.route({ method, url, handler, exposeHeadRoute: false });
  };
  // At the root, for clients that cut the path off (2025-03-26), in front of it (RFC 8414 §3.1), and behind it (OpenID).
  for (const path of METADATA)
    for (const url of new Set([path, path + issuerPath])) serve(['GET', 'OPTIONS'], url, path);
  if (issuerPath !== '') serve(['GET', 'OPTIONS'], issuerPath + METADATA[1]!, METADATA[1]!);

  const { authorization, jwks, token, pushed_authorization_request, revocation, introspection } = ENDPOINTS;
  serve(['GET'], issuerPath + authorization, authorization, true);
  fastify.get(
    `${issuerPath}${authorization}/:uid`,
    answered((now, request, reply) => {
      const { uid } = request.params as { uid: string };
      const path = `${authorization}/${encodeURIComponent(uid)}`;
      // It goes on with what was stored; parameters of its own, which nobody has checked, would only confuse the library.
      return forwardToProvider(now.context, now.provider, path, request, reply, { page: true, query: false });
    }),
  );
  serve(['GET', 'OPTIONS'], issuerPath + jwks, jwks);
  for (const path of [token, pushed_authorization_request, revocation, introspection, ENDPOINTS.device_authorization]) {
    serve(['POST', 'OPTIONS'], issuerPath + path, path);
  }
  const register = answered(createRegistration());
  fastify.route({ method: ['POST', 'OPTIONS'], url: issuerPath + ENDPOINTS.registration, handler: register });
  for (const [url, path] of LEGACY_ENDPOINTS) {
    if (path === ENDPOINTS.registration) fastify.route({ method: ['POST', 'OPTIONS'], url, handler: register });
    else if (path === authorization) serve(['GET'], url, path, true);
    else serve(['POST', 'OPTIONS'], url, path);
  }
}

/**
 * Refuses an address that begins too much. Not this machine: everybody comes from there when the proxy in front is not
 * among `trustedProxies`, and nobody may lock them all out.
 */
function withinLimit(begun: ReturnType<typeof createAttemptLimiter>, handler: Handler, page: boolean): Handler {
  return async (serving, request, reply) => {
    const address = serving.context.addressOf(request.raw);
    if (request.method === 'OPTIONS' || isLoopbackHost(address) || begun.excess(address) === 0) {
      return handler(serving, request, reply);
    }
    const detail = 'Too many sign-ins were begun from this address within a minute.';
    reply.header('retry-after', '60');
    if (page) {
      const whatToDo = 'Wait a minute, then start to sign in again.';
      return sendRefusal(request, reply, {
        code: 'too_many',
        title: 'Too many sign-ins',
        detail,
        whatToDo,
        status: 429,
      });
    }
    return reply
      .status(429)
      .send({ error: 'temporarily_unavailable', error_description: `${detail} Try again later.` });
  };
}

/** RFC 7591 §3: with CORS, which the library leaves out here, and a limit. */
function createRegistration(): Handler {
  let limiter: { readonly attempts: number; readonly counts: ReturnType<typeof createAttemptLimiter> } | undefined;
  return async ({ context, provider }, request, reply) => {
    const { registrationsPerHour: attempts } = context.settings.clients;
    if (!offersRegistration(context)) throw new AppError('not_found');
    reply.header('access-control-allow-origin', '*').header('vary', 'Origin');
    if (request.method === 'OPTIONS') {
      return reply
        .headers({
          'access-control-allow-methods': 'POST',
          'access-control-allow-headers': 'authorization, content-type, mcp-protocol-version',
          'access-control-max-age': '3600',
        })
        .status(204)
        .send();
    }
    if (limiter?.attempts !== attempts) {
      limiter = { attempts, counts: createAttemptLimiter({ attempts, windowMs: HOUR_MS, now: context.now }) };
    }
    if (limiter.counts.excess(context.addressOf(request.raw)) > 0) {
      return reply.status(429).header('retry-after', '3600').send({
        error: 'temporarily_unavailable',
        error_description: 'Too many clients were registered from this address within an hour. Try again later.',
      });
    }
    return forwardToProvider(context, provider, ENDPOINTS.registration, request, reply);
  };
}

/** A question to the person in front of the browser: who are you, and do you agree? Its cookie has its path. */
const answerInteraction: Handler = async ({ context, provider }, request, reply) => {
  const interaction = await provider.interactionDetails(request.raw, reply.raw).catch((error: Error) => {
    if (error.name === 'SessionNotFound') return null;
    throw error;
  });
  if (interaction === null) {
    return sendRefusal(request, reply, {
      code: 'interaction_expired',
      title: 'This sign-in is over',
      detail: 'It was finished before, took too long, or was begun in another browser.',
      whatToDo: 'Go back to your program and start to sign in again.',
    });
  }
  if (interaction.prompt.name === 'consent') return answerConsent(context, provider, interaction, request, reply);
  if (request.method === 'POST') throw new AppError('method_not_allowed');
  return answerLogin(context, provider, interaction, request, reply);
};
