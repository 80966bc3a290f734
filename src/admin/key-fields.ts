import * as z from 'zod';
import { roleNameField, timeField } from './field-schemas.ts';

/** What limits a key, as requests give it; tokens/key-limits.ts has the finer rules. */
export const keyLimitFields = {
  expiresAt: timeField.nullable().optional().describe('When it ends, in milliseconds since 1970; null: never.'),
  cidrs: z
    .array(z.string())
    .optional()
    .describe('Networks that it may be used from, such as `10.0.0.0/8`. Empty: anywhere.'),
  roles: z
    .array(roleNameField)
    .max(100)
    .optional()
    .describe('Roles that must allow, too, what the key does. Empty: all that its owner may do.'),
  tools: z
    .array(z.string())
    .optional()
    .describe('Globs over `{upstream}__{tool}`, such as `github__get_*`. Empty: all that its owner may do.'),
};
