import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import { requireOperator } from './authorize.ts';
import { defineRoute, type Route } from './routes.ts';

const RotationSchema = z
  .object({
    masterKeyId: z.string().describe('Names the master key that is in use now; gives nothing of it away.'),
    secrets: z.int().describe('How many were re-encrypted.'),
    unreadable: z
      .array(
        z.object({ upstream: z.string(), owner: z.object({ kind: z.string(), id: z.string() }), name: z.string() }),
      )
      .describe('Could not be decrypted and were left as they are: store them again.'),
  })
  .meta({ id: 'VaultRotation' });

/** Where upstream credentials are encrypted. */
export const vaultRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: '/vault/rotate',
    tag: 'Vault',
    operationId: 'rotateVault',
    summary: 'Re-encrypt every stored credential under new data keys',
    description: 'Calls go on meanwhile. With `masterKey` also under a newly generated master key.',
    access: 'admin',
    body: z
      .strictObject({
        masterKey: z
          .boolean()
          .default(false)
          .describe('Also replace the master key, where it is in a file of the gateway.'),
      })
      .meta({ id: 'RotateVault' }),
    action: 'vault.rotate',
    target: ({ body }) => (body.masterKey ? 'data keys and master key' : 'data keys'),
    answer: { status: 200, description: 'What was done.', schema: RotationSchema },
    async handle({ context, caller, body }) {
      requireOperator(caller);
      if (body.masterKey && context.rotateMasterKey === undefined) {
        throw new AppError(
          'conflict',
          'The master key is not in a file that the gateway may replace. Change it where it comes from; see `toolgate vault rotate --help`.',
        );
      }
      const report = await (body.masterKey && context.rotateMasterKey
        ? context.rotateMasterKey()
        : context.vault.rotate());
      const unreadable = report.unreadable.map(({ ref: { upstream, owner, name } }) => ({
        upstream,
        owner: { kind: owner.kind, id: owner.id },
        name,
      }));
      return { body: { masterKeyId: report.masterKeyId, secrets: report.secrets, unreadable } };
    },
  }),
];
