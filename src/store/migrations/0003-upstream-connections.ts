import { type Kysely, sql } from 'kysely';
import { columns, type Has, optional, type Table, tenantTable } from './tenant-table.ts';

/**
 * What the gateway has at providers: the connections of people and of everybody, the clients that it is there, and what it
 * still has to give back. Tokens and client secrets are in the vault; none of these tables holds anything that opens
 * something.
 */
// biome-ignore lint/suspicious/noExplicitAny: a migration runs against a schema that no longer has a type.
export async function upstreamConnections(db: Kysely<any>): Promise<void> {
  await connections(db);
  await clients(db);
  await revocations(db);
}

async function connections(db: Has): Promise<void> {
  let table = columns(
    tenantTable(db, 'upstream_connections', ['upstream', 'owner_kind', 'owner_id']),
    'text',
    ...['upstream', 'owner_kind', 'owner_id', 'id', 'grant_id', 'issuer', 'client_id', 'state', 'scopes'],
  );
  table = columns(table, 'integer', 'generation', 'failures');
  table = columns(table, 'bigint', 'connected_at', 'created_at', 'updated_at');
  table = optional(table, 'text', 'wanted_scopes', 'account', 'last_error', 'last_used_by', 'lease_by');
  table = optional(table, 'bigint', 'expires_at', 'refresh_expires_at', 'refreshed_at', 'refresh_due_at', 'retry_at');
  table = optional(table, 'bigint', 'last_error_at', 'last_used_at', 'lease_until', 'warned_at');
  await (
    table.addUniqueConstraint('upstream_connections_id', ['tenant_id', 'id'] as never[]) as unknown as Table
  ).execute();
  const index = (name: string, ...on: string[]) =>
    db.schema.createIndex(`upstream_connections_by_${name}`).on('upstream_connections').columns(on);
  await index('owner', 'tenant_id', 'owner_kind', 'owner_id').execute();
  await index('change', 'tenant_id', 'updated_at').execute();
  await index('expiry', 'tenant_id', 'expires_at').execute();
  await index('due', 'tenant_id', 'refresh_due_at').execute();
  await index('state', 'tenant_id', 'state').execute();
  await index('lease', 'tenant_id', 'lease_until').where(sql.ref('lease_until'), 'is not', null).execute();
}

async function clients(db: Has): Promise<void> {
  let table = columns(
    tenantTable(db, 'upstream_clients', ['upstream', 'issuer']),
    'text',
    ...['upstream', 'issuer', 'client_id', 'source', 'auth_method', 'redirect_uri'],
  );
  table = columns(table, 'bigint', 'created_at');
  await optional(table, 'bigint', 'secret_expires_at').execute();
}

async function revocations(db: Has): Promise<void> {
  let table = columns(
    tenantTable(db, 'provider_revocations', ['id']),
    'text',
    ...['id', 'upstream', 'owner_kind', 'owner_id', 'issuer', 'state'],
  );
  table = columns(table, 'integer', 'attempts');
  table = columns(table, 'bigint', 'next_at', 'created_at', 'updated_at');
  await optional(table, 'text', 'last_error').execute();
  await db.schema
    .createIndex('provider_revocations_by_turn')
    .on('provider_revocations')
    .columns(['tenant_id', 'state', 'next_at'])
    .execute();
  await db.schema
    .createIndex('provider_revocations_by_age')
    .on('provider_revocations')
    .columns(['tenant_id', 'created_at'])
    .execute();
}
