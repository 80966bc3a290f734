import * as z from 'zod';
import type { User } from '../store/users.ts';
import { etagOf } from './etag.ts';
import { etagField, statusField, timeField } from './field-schemas.ts';

export const UserSchema = z
  .object({
    id: z.string(),
    name: z.string().describe('Login: an e-mail address or a handle. Unique, whatever its case.'),
    displayName: z.string(),
    status: statusField,
    createdAt: timeField,
    updatedAt: timeField,
    etag: etagField,
  })
  .meta({ id: 'User' });

export function userView(user: User): z.input<typeof UserSchema> {
  const { id, name, displayName, status, createdAt, updatedAt } = user;
  return { id, name, displayName, status, createdAt, updatedAt, etag: etagOf(user) };
}
