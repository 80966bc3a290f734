import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Caller, PrincipalKind } from '../model/principal.ts';
import { findAccessKey } from '../store/access-keys.ts';
import type { Database } from '../store/database.ts';
import { findServiceAccount } from '../store/service-accounts.ts';
import { transact } from '../store/transact.ts';
import { findUser } from '../store/users.ts';
import { type CreatedKey, createKey } from '../tokens/create-key.ts';
import { rotateKey } from '../tokens/rotate-key.ts';
import { AccessKeySchema, accessKeyView } from './access-key-view.ts';
import { etagOf } from './etag.ts';
import { accessKeyIdField, principalField } from './field-schemas.ts';
import { keyLimitFields } from './key-fields.ts';
import { requireRoles } from './known-roles.ts';
import { makerOf } from './maker-of.ts';
import { requirePowerOver } from './ownership.ts';
import { type Answer, defineRoute, type Route } from './routes.ts';

const tag = 'Access keys';

const ttlField = z
  .int()
  .min(1)
  .max(10 * 365 * 24 * 60 * 60)
  .optional()
  .describe('Seconds from now until it ends; in place of `expiresAt`.');

const secretField = z
  .string()
  .nullable()
  .describe(
    'The key itself. Keep it now: it is shown only here. Null in the repetition of a request with the same `Idempotency-Key`: it is not stored, so revoke that key and create another.',
  );

const IssuedKeySchema = z.object({ accessKey: AccessKeySchema, key: secretField }).meta({ id: 'IssuedAccessKey' });
const RotatedKeySchema = z
  .object({ accessKey: AccessKeySchema, key: secretField, replaced: AccessKeySchema })
  .meta({ id: 'RotatedAccessKey' });

const EITHER_EXPIRY = 'Give `expiresAt` or `ttlSeconds`, not both.';

interface Expiry {
  readonly expiresAt?: number | null | undefined;
  readonly ttlSeconds?: number | undefined;
}

const oneExpiry = ({ expiresAt, ttlSeconds }: Expiry) => expiresAt === undefined || ttlSeconds === undefined;

/** Undefined when the request leaves it open. */
const expiryOf = ({ expiresAt, ttlSeconds }: Expiry, now: number) =>
  ttlSeconds === undefined ? expiresAt : now + ttlSeconds * 1000;

/** Throws `not_found`, or `conflict` for a disabled owner: their key would be refused. */
async function requireActiveOwner(
  db: Database,
  { tenantId }: Caller,
  { kind, id }: { kind: PrincipalKind; id: string },
): Promise<void> {
  const owner = await (kind === 'user' ? findUser(db, { tenantId, id }) : findServiceAccount(db, { tenantId, id }));
  if (!owner) throw new AppError('not_found', `There is no such ${kind.replace('_', ' ')}.`);
  if (owner.status !== 'active') {
    throw new AppError(
      'conflict',
      `The ${kind.replace('_', ' ')} is disabled, so the key would be refused. Enable it first.`,
    );
  }
}

/** The two bodies of an answer that issues a key: with it, and for repetitions without. */
function issued<More extends object>({ key, secret }: CreatedKey, now: number, more: More) {
  const accessKey = accessKeyView(key, now);
  return {
    body: { accessKey, key: secret.reveal(), ...more },
    replayBody: { accessKey, key: null, ...more },
    etag: etagOf(key),
  } satisfies Answer;
}

/** The routes whose answers hold a key. */
export const issueRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: '/access-keys',
    tag,
    operationId: 'createAccessKey',
    summary: 'Create an access key',
    description:
      'A personal key (`tgp_…`) for a user, a service key (`tgs_…`) for a service account. Keys of owners are created by owners only.',
    access: 'admin',
    body: z
      .strictObject({ owner: principalField, name: z.string(), ttlSeconds: ttlField, ...keyLimitFields })
      .refine(oneExpiry, { message: EITHER_EXPIRY, path: ['ttlSeconds'] })
      .meta({ id: 'CreateAccessKey' }),
    action: 'key.create',
    target: ({ body }) => `${body.owner.id}/${body.name}`,
    answer: { status: 201, description: 'The new key.', schema: IssuedKeySchema, etag: true },
    async handle({ context, caller, body }) {
      const now = Date.now();
      const { owner, name, cidrs, tools, roles } = body;
      const created = await transact(context.db, async (trx) => {
        await requireActiveOwner(trx, caller, owner);
        await requirePowerOver(trx, caller, owner);
        await requireRoles(context, caller, roles ?? [], trx);
        const expiresAt = expiryOf(body, now) ?? null;
        const maker = await makerOf(trx, caller, owner.id);
        const limits = { expiresAt, cidrs, tools, roles };
        return createKey(trx, { tenantId: caller.tenantId, owner, name, maker, ...limits }, now);
      });
      return issued(created, now, {});
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/access-keys/{id}/rotate',
    tag,
    operationId: 'rotateAccessKey',
    summary: 'Replace an access key by a new one with the same limits',
    description: 'Both work for the overlap, then the old one ends.',
    access: 'admin',
    params: z.object({ id: accessKeyIdField }),
    body: z
      .strictObject({
        overlapSeconds: z
          .int()
          .min(0)
          .max(30 * 24 * 60 * 60)
          .default(0)
          .describe('How long the old key goes on working. 0: it ends at once.'),
        expiresAt: keyLimitFields.expiresAt.describe(
          'When the new key ends. Absent: it lives as long as the old one was meant to.',
        ),
        ttlSeconds: ttlField,
      })
      .refine(oneExpiry, { message: EITHER_EXPIRY, path: ['ttlSeconds'] })
      .meta({ id: 'RotateAccessKey' }),
    action: 'key.rotate',
    target: (request) => request.params.id,
    answer: {
      status: 201,
      description: 'The new key, and what becomes of the old one.',
      schema: RotatedKeySchema,
      etag: true,
    },
    async handle({ context, caller, params: { id }, body }) {
      const now = Date.now();
      const ref = { tenantId: caller.tenantId, id };
      const replaced: string[] = [];
      const verifier = { invalidateKey: (keyId: string) => void replaced.push(keyId) };
      // In one transaction, so that nobody becomes an owner between the look at it and the new key.
      const rotated = await transact(context.db, async (trx) => {
        const old = await findAccessKey(trx, ref);
        if (!old) throw new AppError('not_found', 'There is no such key.');
        await requireActiveOwner(trx, caller, old.owner);
        await requirePowerOver(trx, caller, old.owner);
        const maker = await makerOf(trx, caller, old.owner.id);
        const times = { overlapMs: body.overlapSeconds * 1000, expiresAt: expiryOf(body, now) };
        return rotateKey({ db: trx, verifier }, ref, { ...times, maker }, now);
      });
      // Without an overlap the old key ends here, and with it what it has open.
      const kind = body.overlapSeconds === 0 ? 'key-revoked' : 'key-changed';
      for (const keyId of replaced) await context.changed({ kind, keyId });
      return issued(rotated, now, { replaced: accessKeyView(rotated.rotated, now) });
    },
  }),
];
