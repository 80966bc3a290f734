import * as z from 'zod';
import { checkDeclaredClient, declaredClientFields } from '../config/declared-client-schema.ts';
import { AppError } from '../errors/app-error.ts';
import type { Caller } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { deleteOauthClient, type OauthClientSource } from '../store/oauth-clients.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import { transact } from '../store/transact.ts';
import { requireOperator } from './authorize.ts';
import { etagOf } from './etag.ts';
import { idField, nameField } from './field-schemas.ts';
import { makerOf } from './maker-of.ts';
import { clientView, OauthClientSchema } from './oauth-client-view.ts';
import { requirePowerOver } from './ownership.ts';
import { requireClient, requirePowerOverClient } from './require-client.ts';
import { defineRoute, type Route } from './routes.ts';
import { requireSignIn } from './sign-in.ts';

const tag = 'OAuth clients';

const AddedSchema = z
  .object({
    client: OauthClientSchema,
    secret: z
      .string()
      .nullable()
      .describe(
        'Of a client with `client_secret_basic`. Keep it now: it is shown only here. Null in the repetition of a request with the same `Idempotency-Key`.',
      ),
  })
  .meta({ id: 'AddedOAuthClient' });

const AddSchema = z
  .strictObject({
    ...declaredClientFields,
    name: nameField(128).describe('How people see it.'),
    serviceAccountId: idField('sva')
      .optional()
      .describe('Whom it acts for in the client credentials grant. Clients of owners are added by owners only.'),
  })
  .superRefine((client, ctx) => checkDeclaredClient(client, client.serviceAccountId, ctx))
  .meta({ id: 'AddOAuthClient' });

/** Why a client of this source is not removed here. */
const KEPT: Readonly<Record<Exclude<OauthClientSource, 'added'>, string>> = {
  pre_registered: 'It is declared in the configuration file: remove it there.',
  dynamic: 'It registered itself and could again. Revoke it instead, which keeps this id out.',
  metadata_document: 'It is described by its own document and would come back. Revoke it instead, which keeps it out.',
};

/** An admin must not get a credential of an owner by this. Throws `not_found` or `owner_required`. */
async function requireAccount(trx: Database, caller: Caller, id: string): Promise<void> {
  const account = await findServiceAccount(trx, { tenantId: caller.tenantId, id });
  if (account === null) throw new AppError('not_found', 'There is no such service account.');
  await requirePowerOver(trx, caller, { kind: 'service_account', id });
}

/** Clients that an admin adds, instead of the configuration file or themselves. */
export const declaredClientRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: '/oauth-clients',
    tag,
    operationId: 'addOAuthClient',
    summary: 'Add an OAuth client',
    description:
      'For clients that cannot register themselves, or should not: as `oauth.preRegistered` in the configuration file, with the same rules. The id, and the secret where it has one, are generated.',
    access: 'admin',
    body: AddSchema,
    action: 'client.add',
    target: ({ body }) => body.name,
    answer: { status: 201, description: 'The new client.', schema: AddedSchema, etag: true },
    async handle(request) {
      const { context, caller, address, body } = request;
      const signIn = requireSignIn(request);
      // The authorization server is that of the first tenant.
      requireOperator(caller);
      const { serviceAccountId = null, ...declared } = body;
      const { client, secret } = await transact(context.db, async (trx) => {
        if (serviceAccountId !== null) await requireAccount(trx, caller, serviceAccountId);
        const maker = await makerOf(trx, caller, serviceAccountId ?? '');
        return signIn.addClient(trx, { ...declared, serviceAccountId, address, maker });
      });
      const view = clientView(client);
      return {
        body: { client: view, secret: secret?.reveal() ?? null },
        replayBody: { client: view, secret: null },
        etag: etagOf(client),
      };
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: '/oauth-clients/{id}',
    tag,
    operationId: 'removeOAuthClient',
    summary: 'Remove an OAuth client that was added over the API',
    description:
      'When this returns, none of its tokens is accepted and what it had open has ended. No `If-Match`: it has to work at once.',
    access: 'admin',
    params: z.object({ id: z.string().min(1).max(2000) }),
    action: 'client.remove',
    target: (request) => request.params.id,
    answer: { status: 204, description: 'The client is gone.' },
    async handle(request) {
      const signIn = requireSignIn(request);
      const client = await requireClient(request);
      if (client.source !== 'added') throw new AppError('conflict', KEPT[client.source]);
      await requirePowerOverClient(request, client);
      await signIn.revokeClient(client.id);
      await deleteOauthClient(request.context.db, client);
      return {};
    },
  }),
];
