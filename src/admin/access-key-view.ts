import * as z from 'zod';
import type { PrincipalKind } from '../model/principal.ts';
import { listAccessKeys, type StoredAccessKey } from '../store/access-keys.ts';
import { etagOf } from './etag.ts';
import { etagField, principalKindField, timeField } from './field-schemas.ts';
import { type PageQuery, pageSchema, toPageBody } from './pagination.ts';
import type { AdminRequest } from './routes.ts';

export const keyStatusField = z.enum(['active', 'expired', 'revoked']);

export const AccessKeySchema = z
  .object({
    id: z.string(),
    kind: z.enum(['personal', 'service']),
    name: z.string(),
    hint: z.string().describe('The first characters of the key, to recognise it.'),
    owner: z.object({ kind: principalKindField, id: z.string(), name: z.string() }),
    status: keyStatusField.describe('Of the key itself: an `active` key of a disabled owner is refused too.'),
    createdAt: timeField,
    expiresAt: timeField.nullable(),
    revokedAt: timeField.nullable(),
    lastUsedAt: timeField.nullable().describe('Written about once a minute.'),
    cidrs: z.array(z.string()).describe('Networks that it may be used from. Empty: from anywhere.'),
    roles: z.array(z.string()).describe('What the key does must be allowed by these, too. Empty: no further limit.'),
    tools: z.array(z.string()).describe('Globs over `{upstream}__{tool}`; one must match. Empty: no further limit.'),
    successorId: z.string().nullable().describe('The key that replaces it, after a rotation.'),
    etag: etagField,
  })
  .meta({ id: 'AccessKey' });

export const AccessKeyPageSchema = pageSchema(AccessKeySchema);

export function keyStatusOf(key: StoredAccessKey, now: number): z.output<typeof keyStatusField> {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && key.expiresAt <= now ? 'expired' : 'active';
}

export function accessKeyView(key: StoredAccessKey, now: number = Date.now()): z.input<typeof AccessKeySchema> {
  const { tenantId: _, version: __, maker: ___, ...shown } = key;
  const { owner, cidrs, roles, tools } = key;
  return {
    ...shown,
    owner: { kind: owner.kind, id: owner.id, name: owner.name },
    cidrs: [...cidrs],
    roles: [...roles],
    tools: [...tools],
    status: keyStatusOf(key, now),
    etag: etagOf(key),
  };
}

/** One page of the keys of a user or service account. */
export async function keysOfOwner(
  { context: { db }, caller: { tenantId } }: Pick<AdminRequest, 'context' | 'caller'>,
  owner: { readonly kind: PrincipalKind; readonly id: string },
  { limit, cursor }: PageQuery,
): Promise<z.input<typeof AccessKeyPageSchema>> {
  const page = await listAccessKeys(db, { tenantId, owner, limit, after: cursor });
  return toPageBody(page, (key) => accessKeyView(key));
}
