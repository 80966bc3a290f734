import type { PrincipalKind } from '../model/principal.ts';
import { CONNECTION_TOKENS, endConnectionsOfOwner } from './ending-connections.ts';
import type { Database } from './tables.ts';

/**
 * Removes what refers to a principal without a foreign key (it may be a user or a service account): its access keys with
 * their role assignments, its own role assignments, its secrets, the grants it gave. Memberships go with the row of the user.
 * Its connections to upstreams end, and their tokens stay in the vault until they are queued to be revoked at the provider.
 */
export async function removePrincipalRows(
  trx: Database,
  { tenantId, kind, id }: { tenantId: string; kind: PrincipalKind; id: string },
): Promise<void> {
  await trx
    .deleteFrom('role_assignments')
    .where('tenant_id', '=', tenantId)
    .where('subject_kind', '=', 'access_key')
    .where('subject_id', 'in', (eb) =>
      eb
        .selectFrom('access_keys')
        .select('access_keys.id')
        .where('access_keys.tenant_id', '=', tenantId)
        .where('owner_kind', '=', kind)
        .where('owner_id', '=', id),
    )
    .execute();
  await trx
    .deleteFrom('access_keys')
    .where('tenant_id', '=', tenantId)
    .where('owner_kind', '=', kind)
    .where('owner_id', '=', id)
    .execute();
  await trx
    .deleteFrom('role_assignments')
    .where('tenant_id', '=', tenantId)
    .where('subject_kind', '=', kind)
    .where('subject_id', '=', id)
    .execute();
  await trx
    .deleteFrom('secrets')
    .where('tenant_id', '=', tenantId)
    .where('owner_kind', '=', kind)
    .where('owner_id', '=', id)
    .where('name', '!=', CONNECTION_TOKENS)
    .execute();
  await endConnectionsOfOwner(trx, { tenantId, kind, id });
  await trx
    .deleteFrom('oauth_grants')
    .where('tenant_id', '=', tenantId)
    .where('principal_kind', '=', kind)
    .where('principal_id', '=', id)
    .execute();
}
