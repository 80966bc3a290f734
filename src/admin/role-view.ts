import * as z from 'zod';
import type { Role, RoleRule } from '../model/role.ts';
import { RoleRuleSchema } from '../policy/validate-roles.ts';
import type { StoredRole } from '../store/roles.ts';
import { etagOf } from './etag.ts';
import { descriptionField, timeField } from './field-schemas.ts';

export const RoleSchema = z
  .object({
    name: z.string(),
    description: z.string(),
    source: z
      .enum(['builtin', 'file', 'api'])
      .describe('`builtin` and `file` (the configuration file) are shown; only `api` roles can be changed here.'),
    allow: z.array(RoleRuleSchema),
    deny: z.array(RoleRuleSchema),
    createdAt: timeField.optional(),
    updatedAt: timeField.optional(),
    etag: z.string().optional().describe('For `If-Match`. Only of `api` roles.'),
  })
  .meta({ id: 'Role' });

/** What a role says beside its name. */
export const roleFields = {
  description: descriptionField.default(''),
  allow: z
    .array(RoleRuleSchema)
    .default([])
    .describe('Each rule allows what it covers, unless any `deny` covers it too.'),
  deny: z.array(RoleRuleSchema).default([]).describe('Wins over every `allow` of every role.'),
};

export type RoleView = z.input<typeof RoleSchema>;

/** Rules as JSON: readonly arrays copied, absent members left out. */
export const rulesView = (rules: readonly RoleRule[]) => JSON.parse(JSON.stringify(rules)) as RoleView['allow'];

export function declaredRoleView({ name, description, allow, deny }: Role, source: 'builtin' | 'file'): RoleView {
  return { name, description, source, allow: rulesView(allow), deny: rulesView(deny) };
}

export function storedRoleView(role: StoredRole): RoleView {
  const { name, description, allow, deny, createdAt, updatedAt } = role;
  const rules = { allow: rulesView(allow), deny: rulesView(deny) };
  return { name, description, source: 'api', ...rules, createdAt, updatedAt, etag: etagOf(role) };
}

/** The roles that open this API. */
export const BUILTIN_ROLES: readonly Role[] = [
  { name: 'admin', description: 'Administers everything but owners. Grants no tool.', allow: [], deny: [] },
  { name: 'owner', description: 'Administers everything, owners too. Grants no tool.', allow: [], deny: [] },
];
