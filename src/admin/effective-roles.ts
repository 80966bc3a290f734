import * as z from 'zod';
import type { PrincipalKind } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { listGroupsOfUser } from '../store/group-members.ts';
import { rolesOfSubject } from '../store/role-assignments.ts';
import { everything } from './pagination.ts';

export const EffectiveRolesSchema = z
  .object({
    roles: z.array(
      z.object({
        role: z.string(),
        direct: z.boolean().describe('Assigned to the principal itself.'),
        groups: z.array(z.object({ id: z.string(), name: z.string() })).describe('Groups that it comes through.'),
      }),
    ),
  })
  .meta({ id: 'EffectiveRoles' });

/** What the principal may be allowed by, in order of role; the same set as `rolesOfPrincipal`, with its origins. */
export async function effectiveRolesOf(
  db: Database,
  tenantId: string,
  principal: { readonly kind: PrincipalKind; readonly id: string },
): Promise<z.input<typeof EffectiveRolesSchema>> {
  const found = new Map<string, { direct: boolean; groups: { id: string; name: string }[] }>();
  const entryOf = (role: string) => {
    const entry = found.get(role) ?? { direct: false, groups: [] };
    found.set(role, entry);
    return entry;
  };
  for (const role of await rolesOfSubject(db, { tenantId, subject: principal })) entryOf(role).direct = true;
  if (principal.kind === 'user') {
    const groups = await everything((page) => listGroupsOfUser(db, { tenantId, userId: principal.id, ...page }));
    for (const { id, name } of groups) {
      const roles = await rolesOfSubject(db, { tenantId, subject: { kind: 'group', id } });
      for (const role of roles) entryOf(role).groups.push({ id, name });
    }
  }
  const roles = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([role, through]) => ({ role, ...through }));
  return { roles };
}
