import { AppError } from '../errors/app-error.ts';
import { closestMatch } from '../lib/closest.ts';
import { ADMIN_ROLES, type Caller, DEFAULT_TENANT } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import type { Database } from '../store/database.ts';
import { allRoles } from '../store/roles.ts';
import type { AdminContext } from './admin-context.ts';

/** The roles of the configuration file, which belong to the gateway's first tenant. */
export function fileRolesOf(context: AdminContext, { tenantId }: Caller): readonly Role[] {
  return tenantId === DEFAULT_TENANT ? context.fileRoles : [];
}

/**
 * Throws `unprocessable` for the first role that nothing defines: an assignment of it would look as if it granted or
 * limited something.
 */
export async function requireRoles(
  context: AdminContext,
  caller: Caller,
  roles: readonly string[],
  db: Database = context.db,
): Promise<void> {
  if (roles.length === 0) return;
  const stored = await allRoles(db, caller.tenantId);
  const known = new Set([...ADMIN_ROLES, ...[...fileRolesOf(context, caller), ...stored].map((role) => role.name)]);
  for (const role of roles) {
    if (known.has(role)) continue;
    const meant = closestMatch(role, known);
    throw new AppError(
      'unprocessable',
      `There is no role "${role}". ${meant === null ? 'Create it first.' : `Did you mean "${meant}"?`}`,
    );
  }
}
