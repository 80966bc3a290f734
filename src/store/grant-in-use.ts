import type { Database } from './tables.ts';
import type { UpstreamConnection } from './upstream-connections.ts';

/** States in which tokens are used, or would be if the provider answered. */
const IN_USE = ['connected', 'needs_scopes', 'failing'] as const;

/**
 * Whether a connection lives on what the same account gave to the same client. Where nobody knows whose account it is, one
 * of the same owner is taken for one of the same account.
 */
export async function isGrantInUse(
  db: Database,
  grant: Pick<UpstreamConnection, 'tenantId' | 'issuer' | 'clientId' | 'owner' | 'account'>,
): Promise<boolean> {
  const { tenantId, issuer, clientId, owner, account } = grant;
  const row = await db
    .selectFrom('upstream_connections')
    .select('id')
    .where('tenant_id', '=', tenantId)
    .where('issuer', '=', issuer)
    .where('client_id', '=', clientId)
    .where('state', 'in', IN_USE)
    .where((eb) => {
      const ofOwner = eb.and({ owner_kind: owner.kind, owner_id: owner.id });
      if (account === null) return ofOwner;
      return eb.or([eb('account', '=', account), eb.and([ofOwner, eb('account', 'is', null)])]);
    })
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
