import * as z from 'zod';
import { requireOperator } from './authorize.ts';
import { defineRoute, type Route } from './routes.ts';
import { requireSignIn } from './sign-in.ts';

const tag = 'Signing keys';

const SigningKeysSchema = z
  .object({
    items: z.array(
      z.object({
        kid: z.string(),
        state: z
          .enum(['active', 'next', 'retired'])
          .describe('`active` signs, `next` is announced, `retired` still verifies.'),
      }),
    ),
  })
  .meta({ id: 'SigningKeys' });

/** The keys that access tokens are signed with. */
export const signingKeyRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/signing-keys',
    tag,
    operationId: 'listSigningKeys',
    summary: 'List the keys that access tokens are signed with',
    access: 'admin',
    answer: { status: 200, description: 'The active one first.', schema: SigningKeysSchema },
    handle: async (request) => ({ body: { items: [...requireSignIn(request).signingKeys.list()] } }),
  }),
  defineRoute({
    method: 'POST',
    path: '/signing-keys/rotate',
    tag,
    operationId: 'rotateSigningKeys',
    summary: 'Sign with a new key from now on',
    description: 'Tokens that were signed with the old key stay good until they expire. Happens by itself, too.',
    access: 'admin',
    action: 'signing_key.rotate',
    target: () => 'access tokens',
    answer: { status: 200, description: 'The keys now.', schema: SigningKeysSchema },
    async handle(request) {
      requireOperator(request.caller);
      const { signingKeys } = requireSignIn(request);
      await signingKeys.rotate();
      return { body: { items: [...signingKeys.list()] } };
    },
  }),
];
