import * as z from 'zod';
import { createSetupLink } from '../identity/create-setup-link.ts';
import { timeField, userIdField } from './field-schemas.ts';
import { makerOf } from './maker-of.ts';
import { requirePowerOver } from './ownership.ts';
import { defineRoute, type Route } from './routes.ts';
import { requireSignIn } from './sign-in.ts';

const SetupLinkSchema = z
  .object({
    url: z
      .string()
      .nullable()
      .describe(
        'Give it to the person over a channel that only they can read: whoever opens it first becomes the user. Shown only here; null in a repetition with the same `Idempotency-Key`.',
      ),
    expiresAt: timeField,
  })
  .meta({ id: 'SetupLink' });

/** How a person without a company account gets, or gets back, a password. */
export const setupLinkRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: '/users/{id}/setup-links',
    tag: 'Users',
    operationId: 'createSetupLink',
    summary: 'Make a link with which a user chooses a password, once',
    description:
      'Earlier links of the user stop working. `recovery` also removes the second factor and, once used, ends what the account allowed clients. Links of owners are made by owners only.',
    access: 'admin',
    params: z.object({ id: userIdField }),
    body: z.strictObject({ purpose: z.enum(['setup', 'recovery']).default('setup') }).meta({ id: 'CreateSetupLink' }),
    action: 'user.setup_link',
    target: (request) => request.params.id,
    answer: { status: 201, description: 'The link.', schema: SetupLinkSchema },
    async handle(request) {
      const { context, caller, params, body } = request;
      const signIn = requireSignIn(request);
      await requirePowerOver(context.db, caller, { kind: 'user', id: params.id });
      const maker = await makerOf(context.db, caller, params.id);
      const { token, expiresAt } = await createSetupLink(context.db, {
        tenantId: caller.tenantId,
        userId: params.id,
        purpose: body.purpose,
        maker,
      });
      return { body: { url: signIn.setupUrl(token), expiresAt }, replayBody: { url: null, expiresAt } };
    },
  }),
];
