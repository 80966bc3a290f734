import type { Kysely } from 'kysely';

/**
 * Who made a credential, and how far they administered then: what an admin made for somebody must not become an owner's.
 * Empty for what is there already, which counts as made by somebody who was no owner.
 */
// biome-ignore lint/suspicious/noExplicitAny: a migration runs against a schema that no longer has a type.
export async function credentialMakers(db: Kysely<any>): Promise<void> {
  for (const table of ['access_keys', 'local_credentials', 'oauth_clients']) {
    await db.schema.alterTable(table).addColumn('created_by', 'text').execute();
    await db.schema.alterTable(table).addColumn('created_as', 'text').execute();
  }
  await db.schema.alterTable('setup_links').addColumn('created_as', 'text').execute();
  await db.schema
    .createIndex('oauth_clients_by_service_account')
    .on('oauth_clients')
    .columns(['tenant_id', 'service_account_id'])
    .execute();
}
