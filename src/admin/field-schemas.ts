import * as z from 'zod';

/** Letters, marks, digits, punctuation, symbols and single blanks inside: nothing that is invisible or turns text around. */
const VISIBLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+(?: [\p{L}\p{M}\p{N}\p{P}\p{S}]+)*$/u;

/** A name that people read and type. */
export const nameField = (max: number) =>
  z
    .string()
    .min(1, 'Write a name.')
    .max(max, `Write at most ${max} characters.`)
    .regex(VISIBLE, 'Use visible characters, with single blanks only between them.')
    .refine((text) => text.isWellFormed(), 'This is not valid Unicode.');

export const descriptionField = z
  .string()
  .max(1000, 'Write at most 1000 characters.')
  .refine(
    (text) => text.isWellFormed() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text),
    'Use visible characters on one line.',
  );

/** A login: an e-mail address or a handle. Blanks are left out so that it can be typed into a command line. */
export const loginField = nameField(254).refine((text) => !text.includes(' '), 'A login has no blanks.');

/** What people call a person; may be empty. */
export const displayNameField = nameField(200).or(z.literal('')).describe('What people call the person.');

export const groupNameField = nameField(100);

export const idField = (prefix: string) =>
  z
    .string()
    .regex(
      new RegExp(`^${prefix}_[0-9a-z]{26}$`),
      `This is not the id of such a thing: it begins with \`${prefix}_\`.`,
    );

export const userIdField = idField('usr');
export const groupIdField = idField('grp');
export const accessKeyIdField = idField('key');

export const principalKindField = z.enum(['user', 'service_account']);

/** A user or a service account, by id. */
export const principalField = z
  .strictObject({ kind: principalKindField, id: z.string().regex(/^(?:usr|sva)_[0-9a-z]{26}$/, 'This is not an id.') })
  .describe('A user or a service account.');

export const timeField = z.int().min(0).describe('Milliseconds since 1970-01-01T00:00:00Z.');

export const statusField = z.enum(['active', 'disabled']);

/** In answers, beside the `ETag` header, so that an item of a list can be changed without reading it once more. */
export const etagField = z.string().describe('For `If-Match`.');

/** Names of roles are narrower; whether a role exists is looked up. */
export const roleNameField = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'A role name has 1 to 63 of a–z, 0–9, `.`, `_` and `-`.');

export const flagQuery = z.enum(['true', 'false']);
