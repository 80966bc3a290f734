import * as z from 'zod';
import { AppError } from '../errors/app-error.ts';
import {
  findAccessKey,
  listAccessKeys,
  markKeyRevoked,
  type StoredAccessKey,
  updateAccessKey,
} from '../store/access-keys.ts';
import { checkKeyCidrs, checkKeyExpiry, checkKeyName, checkKeyTools } from '../tokens/key-limits.ts';
import { AccessKeyPageSchema, AccessKeySchema, accessKeyView, keyStatusField, keyStatusOf } from './access-key-view.ts';
import { etagOf, matchVersion, orStale } from './etag.ts';
import { accessKeyIdField } from './field-schemas.ts';
import { issueRoutes } from './issue-access-keys.ts';
import { keyLimitFields } from './key-fields.ts';
import { requireRoles } from './known-roles.ts';
import { requirePowerOver } from './ownership.ts';
import { filteredPage, pageQuery, toPageBody } from './pagination.ts';
import { type AdminRequest, defineRoute, type Route } from './routes.ts';

const tag = 'Access keys';
const params = z.object({ id: accessKeyIdField });

const shown = (key: StoredAccessKey) => ({ body: accessKeyView(key), etag: etagOf(key) });

async function requireKey({ context, caller, params: { id } }: AdminRequest<{ id: string }>): Promise<StoredAccessKey> {
  const key = await findAccessKey(context.db, { tenantId: caller.tenantId, id });
  if (!key) throw new AppError('not_found', 'There is no such key.');
  return key;
}

/** Access keys. The key itself is in the answer that creates it, and nowhere else. */
export const accessKeyRoutes: readonly Route[] = [
  defineRoute({
    method: 'GET',
    path: '/access-keys',
    tag,
    operationId: 'listAccessKeys',
    summary: 'List access keys',
    access: 'admin',
    query: z.strictObject({
      ...pageQuery,
      owner: z
        .string()
        .regex(/^(?:usr|sva)_[0-9a-z]{26}$/, 'Write the id of a user or service account.')
        .optional()
        .describe('Only those of this user or service account, by id.'),
      status: keyStatusField.optional(),
    }),
    answer: { status: 200, description: 'In order of their creation.', schema: AccessKeyPageSchema },
    async handle({ context: { db }, caller: { tenantId }, query }) {
      const { owner: id, status } = query;
      const owner =
        id === undefined ? undefined : ({ kind: id.startsWith('usr_') ? 'user' : 'service_account', id } as const);
      const now = Date.now();
      const page = await (status === undefined
        ? listAccessKeys(db, { tenantId, owner, limit: query.limit, after: query.cursor })
        : filteredPage(query, (range) => listAccessKeys(db, { tenantId, owner, ...range }), {
            keep: (key) => keyStatusOf(key, now) === status,
            keyOf: (key) => key.id,
          }));
      return { body: toPageBody(page, (key) => accessKeyView(key, now)) };
    },
  }),
  ...issueRoutes,
  defineRoute({
    method: 'GET',
    path: '/access-keys/{id}',
    tag,
    operationId: 'getAccessKey',
    summary: 'Get an access key, without the key itself',
    access: 'admin',
    params,
    answer: { status: 200, description: 'What is known about it.', schema: AccessKeySchema, etag: true },
    handle: async (request) => shown(await requireKey(request)),
  }),
  defineRoute({
    method: 'PATCH',
    path: '/access-keys/{id}',
    tag,
    operationId: 'updateAccessKey',
    summary: 'Change the name, expiry or limits of an access key',
    description: 'Effective from the next request on. What an owner holds is changed by owners only.',
    access: 'admin',
    params,
    body: z
      .strictObject({
        name: z.string().optional(),
        expiresAt: keyLimitFields.expiresAt,
        cidrs: keyLimitFields.cidrs,
        roles: keyLimitFields.roles,
        tools: keyLimitFields.tools,
      })
      .meta({ id: 'UpdateAccessKey' }),
    action: 'key.update',
    target: (request) => request.params.id,
    versioned: true,
    answer: { status: 200, description: 'The changed key.', schema: AccessKeySchema, etag: true },
    async handle(request) {
      const { context, caller, ifMatch, body } = request;
      const key = await requireKey(request);
      await requirePowerOver(context.db, caller, key.owner);
      const version = matchVersion(ifMatch, key);
      if (key.revokedAt !== null) throw new AppError('conflict', 'The key is revoked for good. Create a new one.');
      await requireRoles(context, caller, body.roles ?? []);
      if (body.expiresAt !== undefined) checkKeyExpiry(body.expiresAt, Date.now());
      const patch = {
        name: body.name === undefined ? undefined : checkKeyName(body.name),
        expiresAt: body.expiresAt,
        cidrs: body.cidrs && checkKeyCidrs(body.cidrs),
        tools: body.tools && checkKeyTools(body.tools),
        roles: body.roles && [...new Set(body.roles)],
      };
      const changed = orStale(await updateAccessKey(context.db, key, version, patch));
      await context.changed({ kind: 'key-changed', keyId: key.id });
      return shown(changed);
    },
  }),
  defineRoute({
    method: 'POST',
    path: '/access-keys/{id}/revoke',
    tag,
    operationId: 'revokeAccessKey',
    summary: 'Revoke an access key for good',
    description:
      'When this returns, the key is refused and its open streams have ended. A successor stays valid. Revoking twice is no error. No `If-Match`: it has to work at once.',
    access: 'admin',
    params,
    action: 'key.revoke',
    target: (request) => request.params.id,
    answer: { status: 200, description: 'The revoked key.', schema: AccessKeySchema, etag: true },
    async handle(request) {
      const { context, caller } = request;
      const key = await requireKey(request);
      await requirePowerOver(context.db, caller, key.owner);
      const revoked = await markKeyRevoked(context.db, key);
      if (!revoked) throw new AppError('not_found', 'There is no such key.');
      await context.changed({ kind: 'key-revoked', keyId: key.id });
      return shown(revoked);
    },
  }),
];
