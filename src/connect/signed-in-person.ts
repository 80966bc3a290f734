import type { FastifyReply, FastifyRequest } from 'fastify';
import type { BrowserSession } from '../identity/browser-sessions.ts';
import { signInHref } from '../identity/sign-in-href.ts';
import type { ConnectContext } from './connect-context.ts';

/**
 * Who is signed in with this browser. Null when nobody is: then the answer is on its way, to the sign-in page and from there
 * back to `returnTo`.
 */
export async function signedInPerson(
  { sessions }: Pick<ConnectContext, 'sessions'>,
  request: FastifyRequest,
  reply: FastifyReply,
  returnTo: string,
): Promise<BrowserSession | null> {
  const session = await sessions.read(request.raw);
  if (session === null) void reply.header('cache-control', 'no-store').redirect(signInHref({ returnTo }), 303);
  return session;
}
