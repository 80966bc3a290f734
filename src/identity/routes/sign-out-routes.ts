import type { FastifyInstance } from 'fastify';
import { continuePage } from '../../http/pages/continue-page.ts';
import { sendPage } from '../../http/pages/send-page.ts';
import { formOf } from '../form-body.ts';
import { signedOutPage } from '../pages/signed-out-page.ts';
import type { SignInContext } from '../sign-in-context.ts';

/** Signing out, here and at the identity provider. */
export function signOutRoutes(fastify: FastifyInstance, context: SignInContext): void {
  fastify.post('/sign-out', async (request, reply) => {
    // Somebody who is signed out by another site only has to sign in again; still, it is not for others to decide.
    if (!context.forms.accepts(request, formOf(request)('csrf'))) return reply.redirect('/sign-in', 303);
    const session = await context.sessions.read(request.raw);
    const ended = await context.sessions.end(request.raw, reply);
    if (session !== null) {
      const user = { id: session.userId, name: session.userName };
      const provider = session.provider ?? undefined;
      context.record(request, { action: 'login.ended', user, method: 'browser', provider, reason: 'signed_out' });
    }
    const onwards = ended?.provider == null ? null : await context.providers.logoutUrl(ended.provider, ended.idToken);
    if (onwards === null) return reply.redirect('/signed-out', 303);
    const title = 'You are signed out here';
    return sendPage(reply, continuePage({ title, text: 'Next, your identity provider signs you out.', href: onwards }));
  });

  fastify.get('/signed-out', async (_request, reply) => sendPage(reply, signedOutPage({ signInHref: '/sign-in' })));
}
