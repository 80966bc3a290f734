import type { Selectable } from 'kysely';
import type { ClientAuthMethod } from '../model/upstream.ts';
import type { Database, Tables } from './tables.ts';

/** What the gateway is registered as at a provider, on behalf of one upstream. The secret is in the vault. */
export interface UpstreamClient {
  readonly tenantId: string;
  readonly upstream: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly source: 'configured' | 'metadata-document' | 'dynamic';
  readonly authMethod: ClientAuthMethod;
  readonly redirectUri: string;
  /** Milliseconds since the epoch, here and below. */
  readonly secretExpiresAt: number | null;
  readonly createdAt: number;
}

export interface UpstreamClientRef {
  readonly tenantId: string;
  readonly upstream: string;
  readonly issuer: string;
}

/** False when there is one already: of several processes that register at once, one is kept. */
export async function insertUpstreamClient(db: Database, client: UpstreamClient): Promise<boolean> {
  const added = await db
    .insertInto('upstream_clients')
    .values({
      tenant_id: client.tenantId,
      upstream: client.upstream,
      issuer: client.issuer,
      client_id: client.clientId,
      source: client.source,
      auth_method: client.authMethod,
      redirect_uri: client.redirectUri,
      secret_expires_at: client.secretExpiresAt,
      created_at: client.createdAt,
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('client_id')
    .executeTakeFirst();
  return added !== undefined;
}

/** Of all issuers, the one that was there first comes first. */
export async function listUpstreamClients(
  db: Database,
  ref: Pick<UpstreamClientRef, 'tenantId' | 'upstream'>,
): Promise<UpstreamClient[]> {
  const rows = await db
    .selectFrom('upstream_clients')
    .selectAll()
    .where('tenant_id', '=', ref.tenantId)
    .where('upstream', '=', ref.upstream)
    .orderBy('created_at')
    .orderBy('issuer')
    .execute();
  return rows.map(toUpstreamClient);
}

/** Removes it if it still is that client. False when it is not: somebody else did, and may have registered anew. */
export async function deleteUpstreamClient(
  db: Database,
  ref: UpstreamClientRef & { readonly clientId: string },
): Promise<boolean> {
  const removed = await db
    .deleteFrom('upstream_clients')
    .where('tenant_id', '=', ref.tenantId)
    .where('upstream', '=', ref.upstream)
    .where('issuer', '=', ref.issuer)
    .where('client_id', '=', ref.clientId)
    .returning('client_id')
    .executeTakeFirst();
  return removed !== undefined;
}

function toUpstreamClient(row: Selectable<Tables['upstream_clients']>): UpstreamClient {
  return {
    tenantId: row.tenant_id,
    upstream: row.upstream,
    issuer: row.issuer,
    clientId: row.client_id,
    source: row.source,
    authMethod: row.auth_method as ClientAuthMethod,
    redirectUri: row.redirect_uri,
    secretExpiresAt: row.secret_expires_at === null ? null : Number(row.secret_expires_at),
    createdAt: Number(row.created_at),
  };
}
