import * as z from 'zod';
import type { Group } from '../store/groups.ts';
import { etagOf } from './etag.ts';
import { etagField, timeField } from './field-schemas.ts';

export const GroupSchema = z
  .object({
    id: z.string(),
    name: z.string().describe('Unique, whatever its case.'),
    description: z.string(),
    createdAt: timeField,
    updatedAt: timeField,
    etag: etagField,
  })
  .meta({ id: 'Group' });

export function groupView(group: Group): z.input<typeof GroupSchema> {
  const { id, name, description, createdAt, updatedAt } = group;
  return { id, name, description, createdAt, updatedAt, etag: etagOf(group) };
}
