import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IdentityProviderSettings } from '../../config/issuer-schemas.ts';
import { AppError, toAppError } from '../../errors/app-error.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import { deleteBrowserSessionsOfProvider, type StoredBrowserSession } from '../../store/browser-sessions.ts';
import type { Database } from '../../store/database.ts';
import { findExternalIdentity } from '../../store/external-identities.ts';
import { listOauthGrants } from '../../store/oauth-grants.ts';
import { transact } from '../../store/transact.ts';
import { useTokenId } from '../../store/used-token-ids.ts';
import { findUser } from '../../store/users.ts';
import { formOf } from '../form-body.ts';
import type { LogoutToken } from '../providers/logout-token.ts';
import type { SignInContext } from '../sign-in-context.ts';

// Only a provider needs it that signs people out.
const loadLogoutToken = () => import('../providers/logout-token.ts');

const PAGE = 200;

/**
 * `POST /sign-in/{provider}/backchannel-logout`: the provider signs somebody out (OpenID Connect Back-Channel Logout 1.0).
 * Their browser sessions here that began at this provider end: the one that it names by `sid`, or all where it names a
 * person alone. What they allowed clients goes on, unless `logoutEndsGrants` says otherwise: then what was allowed in
 * those sessions ends with them.
 */
export function logoutTokenRoute(fastify: FastifyInstance, context: SignInContext): void {
  fastify.post<{ Params: { provider: string } }>('/sign-in/:provider/backchannel-logout', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const client = await context.providers.find(request.params.provider);
    if (client === null) return refuse(reply, 404, 'There is no such identity provider.');
    try {
      await signOut(context, request, client.settings);
      return reply.status(200).send();
    } catch (thrown) {
      const { LogoutTokenRefused } = await loadLogoutToken();
      const isRefusal = thrown instanceof LogoutTokenRefused;
      const error = toAppError(thrown);
      const provider = client.settings.name;
      const reason = isRefusal ? 'logout_token' : error.code;
      const details = isRefusal ? { fault: thrown.message.slice(0, 200) } : undefined;
      context.record(request, { action: 'idp.failed', method: 'provider', provider, reason, details });
      if (isRefusal) return refuse(reply, 400, `The logout token is refused: ${thrown.message}.`);
      if (error.status < 500) return refuse(reply, 400, error.message);
      // It may come again.
      return refuse(reply, 503, 'The keys of the provider cannot be read now.');
    }
  });
}

/** §2.8. */
const refuse = (reply: FastifyReply, status: number, description: string): FastifyReply =>
  reply.status(status).send({ error: 'invalid_request', error_description: description });

async function signOut(
  context: SignInContext,
  request: FastifyRequest,
  settings: IdentityProviderSettings,
): Promise<void> {
  const sent = formOf(request)('logout_token');
  if (sent === '') throw new AppError('bad_request', 'The form has no `logout_token`.');
  const { readLogoutToken, LogoutTokenRefused } = await loadLogoutToken();
  const token = await readLogoutToken(settings, sent, context.now());
  const { tenantId } = context;
  const { issuer } = settings;
  const { ended, userIds } = await transact(context.db, async (trx) => {
    const used = { tenantId, idHash: sha256Hex(token.id), expiresAt: token.expiresAt };
    // Apart from the assertions of the same issuer, whose ids are remembered there, too.
    const isFirst = await useTokenId(trx, { ...used, issuer: `${issuer}#logout` });
    if (!isFirst) throw new LogoutTokenRefused('it was used before');
    const { subject } = token;
    const identity = subject === null ? null : await findExternalIdentity(trx, { tenantId, issuer, subject });
    const sessions = await endSessions(trx, { tenantId, provider: settings.name }, token, identity?.userId ?? null);
    const users = new Set(sessions.map(({ userId }) => userId));
    if (identity !== null) users.add(identity.userId);
    return { ended: sessions, userIds: users };
  });
  for (const userId of userIds) {
    const sessions = ended.filter((session) => session.userId === userId).length;
    const grants = settings.logoutEndsGrants ? await endGrants(context, userId, settings, token) : 0;
    const user = await findUser(context.db, { tenantId, id: userId });
    context.record(request, {
      action: 'login.ended',
      user: user ?? undefined,
      method: 'provider',
      provider: settings.name,
      reason: 'provider_logout',
      details: { sessions, grants },
    });
  }
}

/** By `sid` where there is one: then the person's other sessions are not meant. */
async function endSessions(
  trx: Database,
  at: { readonly tenantId: string; readonly provider: string },
  { sessionId }: LogoutToken,
  userId: string | null,
): Promise<StoredBrowserSession[]> {
  if (sessionId !== null) return deleteBrowserSessionsOfProvider(trx, { ...at, providerSession: sessionId });
  return userId === null ? [] : deleteBrowserSessionsOfProvider(trx, { ...at, userId });
}

/**
 * Ends what a person allowed clients in the sessions that the token is about, also where such a session is long over here.
 * Returns how much that was.
 */
async function endGrants(
  { db, tenantId, endGrant }: SignInContext,
  principalId: string,
  { name }: IdentityProviderSettings,
  { sessionId }: LogoutToken,
): Promise<number> {
  let count = 0;
  for (let after: string | null = null; ; ) {
    const page = await listOauthGrants(db, { tenantId, principalId, after, limit: PAGE });
    for (const { id, revokedAt, payload } of page.items) {
      const isMeant = payload.provider === name && (sessionId === null || payload.providerSession === sessionId);
      if (revokedAt !== null || !isMeant) continue;
      await endGrant(id, 'signed out by the identity provider');
      count++;
    }
    after = page.next;
    if (after === null) return count;
  }
}
