import type { PrincipalKind, PrincipalRef } from '../model/principal.ts';
import { precompiled } from './precompiled.ts';
import { selectRoles, selectRolesThroughGroups } from './role-assignments.ts';
import type { Database, PrincipalStatus } from './tables.ts';

/** Everything that an access token needs to know about the principal that it names. */
export interface LoadedPrincipal extends PrincipalRef {
  readonly status: PrincipalStatus;
  readonly epoch: number;
  /** Direct and through groups: sorted, unique. */
  readonly roles: readonly string[];
}

type Ref = { tenantId: string; id: string };

const selectUser = precompiled((db, { tenantId, id }: Ref) =>
  db.selectFrom('users').select(['name', 'status', 'epoch']).where('tenant_id', '=', tenantId).where('id', '=', id),
);

const selectServiceAccount = precompiled((db, { tenantId, id }: Ref) =>
  db
    .selectFrom('service_accounts')
    .select(['name', 'status', 'epoch'])
    .where('tenant_id', '=', tenantId)
    .where('id', '=', id),
);

const selectUserRoles = precompiled((db, { tenantId, id }: Ref) =>
  selectRoles(db, tenantId, { kind: 'user', id }).unionAll(selectRolesThroughGroups(db, tenantId, id)),
);

/** Only users are members of groups. */
const selectServiceAccountRoles = precompiled((db, { tenantId, id }: Ref) =>
  selectRoles(db, tenantId, { kind: 'service_account', id }),
);

const QUERIES = {
  user: { principal: selectUser, roles: selectUserRoles },
  service_account: { principal: selectServiceAccount, roles: selectServiceAccountRoles },
} as const;

const KINDS: Readonly<Record<string, PrincipalKind>> = { usr_: 'user', sva_: 'service_account' };

/** A principal by its id, whose prefix says what it is; null when there is none. May be disabled: the caller checks. */
export async function loadPrincipal(db: Database, ref: Ref): Promise<LoadedPrincipal | null> {
  const kind = KINDS[ref.id.slice(0, 4)];
  if (kind === undefined) return null;
  const [row] = await QUERIES[kind].principal(db, ref);
  if (!row) return null;
  const roles = (await QUERIES[kind].roles(db, ref)).map(({ role }) => role);
  return { kind, id: ref.id, ...row, roles: [...new Set(roles)].sort() };
}
