import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Configuration } from 'oidc-provider';
import { sendPage } from '../../http/pages/send-page.ts';
import { createAttemptLimiter } from '../../identity/attempt-limiter.ts';
import type { BrowserSession } from '../../identity/browser-sessions.ts';
import { formOf } from '../../identity/form-body.ts';
import { signInHref } from '../../identity/sign-in-href.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import { DEFAULT_TENANT } from '../../model/principal.ts';
import { insertOauthRecord } from '../../store/oauth-records.ts';
import { findUser } from '../../store/users.ts';
import { trail } from '../audit-trail.ts';
import type { ServerContext } from '../context.ts';
import { ENDPOINTS } from '../endpoints.ts';
import { giveGrant, mayHaveGrant } from '../give-grant.ts';
import type { OidcProvider } from '../oidc-library.ts';
import { deviceConfirmPage } from '../pages/device-confirm-page.ts';
import { deviceDonePage } from '../pages/device-done-page.ts';
import { devicePage } from '../pages/device-page.ts';
import { factsOf } from '../request-facts.ts';
import { type AccessAsked, accessAsked, accessView, clientView, reachedBy } from './access-asked.ts';

const tenantId = DEFAULT_TENANT;
/** Wrong codes that one person, and one address, may enter within the time that a code is good for. */
const MAX_WRONG = 5;
const LOCK_MS = 15 * 60_000;

const WRONG = 'There is no such code, or it has expired. Compare it with what the device shows.';
const LOCKED = 'Too many wrong codes. Wait a quarter of an hour, then start again on the device.';
const OPEN_TOO_LONG = 'This page was open for too long, or cookies are blocked. Please try again.';

type DeviceCode = InstanceType<OidcProvider['DeviceCode']>;

/** The library gives out the codes and answers the device; what a person sees of it is here. */
export const deviceFlow = ({ settings }: ServerContext): NonNullable<Configuration['features']>['deviceFlow'] => ({
  enabled: settings.deviceFlow,
  charset: 'base-20',
  mask: '****-****',
  deviceInfo: (ctx) => ({ address: factsOf(ctx.req).address }),
});

/**
 * The page where a person enters the code that a device shows (RFC 8628 §3.3): only for people who are signed in, so that
 * guessing needs an account, and after a few wrong codes not at all. A code that came with the link has to be compared and
 * sent by the person as well (§3.3.1).
 */
export function createDevicePages(context: ServerContext, provider: OidcProvider) {
  const limits = { attempts: MAX_WRONG, windowMs: LOCK_MS, now: context.now };
  const byUser = createAttemptLimiter(limits);
  const byAddress = createAttemptLimiter(limits);
  const action = `${context.settings.issuerPath}${ENDPOINTS.code_verification}`;

  async function signedIn(request: FastifyRequest, reply: FastifyReply, userCode: string) {
    const session = await context.browserSessions.read(request.raw);
    if (session !== null) return session;
    const returnTo = userCode === '' ? action : `${action}?${new URLSearchParams({ user_code: userCode })}`;
    void reply.redirect(signInHref({ returnTo }), 303);
    return null;
  }

  const ask = (request: FastifyRequest, reply: FastifyReply, error?: string, status = 200): FastifyReply => {
    const csrf = context.formGuard.token(request, reply);
    const { user_code: fromLink } = request.query as { user_code?: unknown };
    const userCode = typeof fromLink === 'string' ? fromLink.slice(0, 20) : undefined;
    return sendPage(reply, devicePage({ action, csrf, userCode, error }), status);
  };

  /** The code's request while it waits for a decision. Every attempt counts until the code turns out right. */
  async function findCode(session: BrowserSession, request: FastifyRequest, userCode: string) {
    const { address } = factsOf(request.raw);
    if (byUser.excess(session.userId) > 0 || byAddress.excess(address) > 0) return 'locked';
    const normalized = userCode.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
    const code = await provider.DeviceCode.findByUserCode(normalized, { ignoreExpiration: true });
    if (code === undefined || code.isExpired || code.accountId !== undefined || code.error !== undefined) return null;
    byUser.refund(session.userId);
    byAddress.refund(address);
    const asked = await accessAsked(context, code.params ?? {});
    const resource = asked === null ? null : reachedBy(context, asked);
    return asked === null || resource === null ? null : { code, asked, resource, shown: shownAs(normalized) };
  }

  return {
    async get(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const { user_code: fromLink } = request.query as { user_code?: unknown };
      const session = await signedIn(request, reply, typeof fromLink === 'string' ? fromLink.slice(0, 20) : '');
      return session === null ? reply : ask(request, reply);
    },

    async post(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
      const form = formOf(request);
      const session = await signedIn(request, reply, '');
      if (session === null) return reply;
      if (!context.formGuard.accepts(request, form('csrf'))) return ask(request, reply, OPEN_TOO_LONG, 403);
      const found = await findCode(session, request, form('user_code'));
      if (found === 'locked') {
        trail(context, 'device.locked', request.raw, {
          principal: { kind: 'user', id: session.userId, name: session.userName },
        });
        return ask(request, reply, LOCKED, 429);
      }
      if (found === null) return ask(request, reply, WRONG, 422);
      const decision = form('decision');
      if (decision === 'allow' || decision === 'deny') {
        const allowed = await decide(context, found, session, request, decision === 'allow');
        if (allowed === null) return ask(request, reply, WRONG, 422);
        return sendPage(reply, deviceDonePage({ allowed, client: clientView(found.asked.client) }));
      }
      const { asked, resource, shown, code } = found;
      const { address } = (code.deviceInfo ?? {}) as { address?: string };
      const again = `${action}?${new URLSearchParams({ user_code: shown })}`;
      const page = deviceConfirmPage({
        ...accessView(asked, resource),
        action,
        csrf: context.formGuard.token(request, reply),
        client: clientView(asked.client),
        user: { name: session.userName },
        switchAccountHref: signInHref({ returnTo: again, again: true }),
        userCode: shown,
        address: address ?? 'an unknown address',
      });
      return sendPage(reply, page);
    },
  };
}

const shownAs = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`;

/** Whether access was given; null when somebody else has decided on this code before. */
async function decide(
  context: ServerContext,
  { code, asked }: { readonly code: DeviceCode; readonly asked: AccessAsked },
  session: BrowserSession,
  request: FastifyRequest,
  allow: boolean,
): Promise<boolean | null> {
  const user = await findUser(context.db, { tenantId, id: session.userId });
  if (user === null || !(await isFirstDecision(context, code))) return null;
  const { client, resource, scopes } = asked;
  const entry = {
    principal: { kind: 'user', id: user.id, name: user.name },
    client: { id: client.id, name: client.name },
    resource,
    scopes,
  } as const;
  if (!allow || !(await mayHaveGrant(context, client.id))) {
    trail(context, 'device.denied', request.raw, { ...entry, target: client.id });
    Object.assign(code, { error: 'access_denied', errorDescription: 'The person declined.' });
    await code.save();
    return false;
  }
  trail(context, 'device.approved', request.raw, { ...entry, target: client.id });
  const grantId = await giveGrant(context, {
    ...entry,
    user,
    session,
    address: factsOf(request.raw).address,
  });
  trail(context, 'grant.issued', request.raw, { ...entry, target: grantId });
  Object.assign(code, {
    accountId: user.id,
    authTime: Math.floor(session.authenticatedAt / 1000),
    amr: [...session.methods],
    grantId,
    resource,
    scope: String(code.params?.scope),
  });
  await code.save();
  return true;
}

/** Of two people who enter one code at once, one decides. */
function isFirstDecision({ db }: ServerContext, code: DeviceCode): Promise<boolean> {
  return insertOauthRecord(db, {
    tenantId,
    kind: 'DeviceDecision',
    idHash: sha256Hex(code.jti),
    payload: {},
    grantId: null,
    userCodeHash: null,
    expiresAt: (code.exp ?? 0) * 1000,
  });
}
