import type { FastifyInstance } from 'fastify';
import { renderSVG } from 'uqr';
import { AppError } from '../../errors/app-error.ts';
import { sendPage } from '../../http/pages/send-page.ts';
import type { SetupOffer } from '../account-setup.ts';
import { formOf } from '../form-body.ts';
import { setupPage } from '../pages/setup-page.ts';
import type { SignInContext } from '../sign-in-context.ts';
import { completeLocally, FORM_REFUSED } from './password-routes.ts';

/** Where setup and recovery links lead. */
export function setupRoutes(fastify: FastifyInstance, context: SignInContext): void {
  const { forms, setup } = context;

  const pageOf = (token: string, offer: SetupOffer, csrf: string, error?: string) =>
    setupPage({
      action: `/setup/${token}`,
      csrf,
      userName: offer.userName,
      purpose: offer.purpose,
      totp: {
        uri: offer.totp.uri,
        secret: offer.totp.secret.reveal(),
        qrSvg: renderSVG(offer.totp.uri, { ecc: 'M', border: 4 }),
      },
      error,
    });

  async function offerOf(token: string): Promise<SetupOffer> {
    const offer = context.localAccounts() ? await setup.offerOf(token) : null;
    if (offer === null) throw unusable();
    return offer;
  }

  fastify.get<{ Params: { token: string } }>('/setup/:token', async (request, reply) => {
    const { token } = request.params;
    return sendPage(reply, pageOf(token, await offerOf(token), forms.token(request, reply)));
  });

  fastify.post<{ Params: { token: string } }>('/setup/:token', async (request, reply) => {
    const { token } = request.params;
    const offer = await offerOf(token);
    const form = formOf(request);
    const refuse = (error: string, status: number) =>
      sendPage(reply, pageOf(token, offer, forms.token(request, reply), error), status);
    if (!forms.accepts(request, form('csrf'))) return refuse(FORM_REFUSED, 403);
    const password = form('password');
    if (password !== form('password_again')) return refuse('The two passwords are not the same.', 422);
    const result = await setup.complete(token, { password, code: form('code') });
    if (result === null) throw unusable();
    if ('fault' in result) return refuse(result.fault, 422);
    const { user, methods, purpose } = result;
    if (purpose === 'recovery') await context.onUserChanged(user.id);
    context.record(request, { action: 'account.set_up', user, method: 'setup_link', details: { purpose } });
    if (methods === null) return reply.redirect('/sign-in', 303);
    return completeLocally(context, request, reply, { user, methods, returnTo: '/', method: 'setup_link' });
  });
}

/** Most who see it have used the link and open it once more. */
function unusable(): AppError {
  return new AppError(
    'setup_link_invalid',
    'A set-up link works once. If you chose a password with it, sign in with that.',
  );
}
