import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BrowserSession } from '../../identity/browser-sessions.ts';
import { signInHref } from '../../identity/sign-in-href.ts';
import type { ServerContext } from '../context.ts';
import { ENDPOINTS } from '../endpoints.ts';
import type { OidcProvider } from '../oidc-library.ts';

const MAX_HINT_LENGTH = 256;

export type Interaction = Awaited<ReturnType<OidcProvider['interactionDetails']>>;

/**
 * Answers the library's question who the person is: from the browser session, or by sending them to sign in and back
 * here. `prompt=login`, `prompt=select_account` and `max_age` ask for a sign-in that is newer than what there is.
 */
export async function answerLogin(
  context: ServerContext,
  provider: OidcProvider,
  interaction: Interaction,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const session = await context.browserSessions.read(request.raw);
  const again = session !== null && !isRecentEnough(context, interaction, session);
  if (session === null || again) return reply.redirect(signInForInteraction(context, interaction, again), 303);
  // The library goes on with the person that it has begun with, so another one begins anew.
  const before = interaction.session?.accountId;
  if (before !== undefined && before !== session.userId)
    return reply.redirect(beginAgainHref(context, interaction), 303);
  const answer = {
    login: {
      accountId: session.userId,
      ts: Math.floor(session.authenticatedAt / 1000),
      amr: [...session.methods],
      remember: false,
    },
    ...(interaction.prompt.name === 'select_account' && { select_account: {} }),
  };
  return reply.redirect(pathOf(await provider.interactionResult(request.raw, reply.raw, answer)), 303);
}

function isRecentEnough({ now }: ServerContext, interaction: Interaction, session: BrowserSession): boolean {
  const { prompt, iat, params } = interaction;
  const asked = prompt.name === 'select_account' || prompt.reasons.includes('login_prompt');
  if (asked && session.authenticatedAt < iat * 1000) return false;
  if (!prompt.reasons.includes('max_age')) return true;
  return now() - session.authenticatedAt <= Number(params.max_age) * 1000;
}

/** The same request from the beginning, for whoever is signed in. */
export function beginAgainHref({ settings }: ServerContext, { params }: Interaction): string {
  const again = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === 'string' && name !== 'prompt') again.set(name, value);
  }
  return `${settings.issuerPath}${ENDPOINTS.authorization}?${again}`;
}

/** The sign-in page, and back to where the interaction goes on. @param again asks somebody who is signed in, too. */
export function signInForInteraction({ settings }: ServerContext, interaction: Interaction, again: boolean): string {
  const href = signInHref({ returnTo: `${settings.issuerPath}/oauth/interaction/${interaction.uid}`, again });
  const { login_hint: hint } = interaction.params;
  if (typeof hint !== 'string' || hint.length > MAX_HINT_LENGTH) return href;
  return `${href}&${new URLSearchParams({ login_hint: hint })}`;
}

/** Our own URLs are handed to browsers as paths: pages take nothing else. */
export const pathOf = (url: string): string => {
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
};
