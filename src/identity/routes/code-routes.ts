import type { FastifyInstance } from 'fastify';
import { AppError } from '../../errors/app-error.ts';
import { sendPage } from '../../http/pages/send-page.ts';
import { formOf } from '../form-body.ts';
import { totpPage } from '../pages/totp-page.ts';
import type { SignInContext } from '../sign-in-context.ts';
import { completeLocally, FORM_REFUSED, recordFailure } from './password-routes.ts';

const PATH = '/sign-in/totp';
const WRONG = 'That code is not right. Wait for the next one and type that.';

/** The second step of signing in with a password: the code of an authenticator app. */
export function codeRoutes(fastify: FastifyInstance, context: SignInContext): void {
  const { forms, logins, accounts } = context;

  fastify.get(PATH, async (request, reply) => {
    if ((await logins.awaitedCode(request)) === null) return reply.redirect('/sign-in', 303);
    return sendPage(reply, totpPage({ action: PATH, csrf: forms.token(request, reply) }));
  });

  fastify.post(PATH, async (request, reply) => {
    const form = formOf(request);
    const ask = (error: string, status: number) =>
      sendPage(reply, totpPage({ action: PATH, csrf: forms.token(request, reply), error }), status);
    if (!forms.accepts(request, form('csrf'))) return ask(FORM_REFUSED, 403);
    const awaited = await logins.awaitedCode(request);
    if (awaited === null) throw new AppError('sign_in_expired');
    const result = await accounts.checkCode(awaited.userId, form('code'));
    if ('failure' in result) {
      recordFailure(context, request, 'code', result);
      return ask(WRONG, 422);
    }
    if (!(await logins.finishCode(request, reply))) throw new AppError('sign_in_expired');
    if (result.secondFactor) throw new Error('There is no third factor.');
    return completeLocally(context, request, reply, { ...result, returnTo: awaited.returnTo, method: 'code' });
  });
}
