import type { PrincipalKind } from '../model/principal.ts';
import { type StoredAccessKey, selectKeys, toAccessKey } from './access-keys.ts';
import { precompiled } from './precompiled.ts';
import { selectRoles, selectRolesThroughGroups } from './role-assignments.ts';
import type { Database, PrincipalStatus } from './tables.ts';

/** Everything that a key says about a request that carries it. */
export interface LoadedKey {
  /** As it is stored, for comparing it with the one that was asked for. */
  readonly hash: string;
  /** With the key's own roles. May be revoked or expired: the caller checks. */
  readonly key: StoredAccessKey;
  readonly owner: { readonly status: PrincipalStatus; readonly epoch: number };
  /** Roles of the owner, direct and through groups: sorted, unique. */
  readonly principalRoles: readonly string[];
}

const selectKeyByHash = precompiled((db, { hash }: { hash: string }) =>
  selectKeys(db)
    .select(['users.status as user_status', 'users.epoch as user_epoch'])
    .select(['service_accounts.status as account_status', 'service_accounts.epoch as account_epoch'])
    .where('hash', '=', hash),
);

type RolesArguments = { tenantId: string; keyId: string; ownerKind: PrincipalKind; ownerId: string };

const selectRolesOfKeyAndOwner = precompiled((db, { tenantId, keyId, ownerKind, ownerId }: RolesArguments) =>
  selectRoles(db, tenantId, { kind: 'access_key', id: keyId })
    .unionAll(selectRoles(db, tenantId, { kind: ownerKind, id: ownerId }))
    .unionAll(selectRolesThroughGroups(db, tenantId, ownerId)),
);

/**
 * Loads a key by the lower-case hex SHA-256 of the whole key, in whatever state it is; null when there is none or its
 * owner is gone. The only query that is not confined to a tenant: the key says which one it belongs to.
 */
export async function loadKeyByHash(db: Database, hash: string): Promise<LoadedKey | null> {
  const [row] = await selectKeyByHash(db, { hash });
  const status = row?.user_status ?? row?.account_status;
  const epoch = row?.user_epoch ?? row?.account_epoch;
  if (!row || status == null || epoch == null) return null;

  const { tenant_id: tenantId, id: keyId, owner_kind: ownerKind, owner_id: ownerId } = row;
  const roles = await selectRolesOfKeyAndOwner(db, { tenantId, keyId, ownerKind, ownerId });
  const own = roles.filter((role) => role.subject_kind === 'access_key').map((role) => role.role);
  const principal = roles.filter((role) => role.subject_kind !== 'access_key').map((role) => role.role);
  return {
    hash: row.hash,
    key: toAccessKey(row, own.sort()),
    owner: { status, epoch },
    principalRoles: [...new Set(principal)].sort(),
  };
}
