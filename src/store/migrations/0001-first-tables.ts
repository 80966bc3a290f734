import type { CreateTableBuilder, Kysely } from 'kysely';

/**
 * Every key starts with the tenant, and every foreign key carries it, so that no row can refer to another tenant's.
 * A migration is frozen once released: it uses neither `Tables` nor the query functions, which move on.
 */
// biome-ignore lint/suspicious/noExplicitAny: a migration runs against a schema that no longer has a type.
export async function firstTables(db: Kysely<any>, now: number): Promise<void> {
  await db.schema
    .createTable('tenants')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.insertInto('tenants').values({ id: 'default', name: 'Default', created_at: now }).execute();
  await principals(db);
  await groups(db);
  await roles(db);
  await accessKeys(db);
  await vault(db);
  await administration(db);
}

// biome-ignore lint/suspicious/noExplicitAny: see above.
type Schema = Kysely<any>['schema'];
type Has = { readonly schema: Schema };

/** A table that belongs to a tenant, with its primary key inside that tenant. */
function tenantTable(db: Has, table: string, key: readonly string[]): CreateTableBuilder<string, string> {
  const builder = db.schema
    .createTable(table)
    .addColumn('tenant_id', 'text', (column) => column.notNull().references('tenants.id'))
    .addPrimaryKeyConstraint(`${table}_pkey`, ['tenant_id', ...key] as never[]);
  return builder as unknown as CreateTableBuilder<string, string>;
}

const texts = (builder: CreateTableBuilder<string, string>, ...names: string[]) =>
  names.reduce((table, name) => table.addColumn(name, 'text', (column) => column.notNull()), builder);

const numbers = (builder: CreateTableBuilder<string, string>, type: 'integer' | 'bigint', ...names: string[]) =>
  names.reduce((table, name) => table.addColumn(name, type, (column) => column.notNull()), builder);

async function principals(db: Has): Promise<void> {
  for (const [table, text] of [
    ['users', 'display_name'],
    ['service_accounts', 'description'],
  ] as const) {
    let builder = texts(tenantTable(db, table, ['id']), 'id', 'name', 'name_key', text, 'status');
    builder = numbers(builder, 'integer', 'epoch', 'version');
    builder = numbers(builder, 'bigint', 'created_at', 'updated_at');
    await builder.addUniqueConstraint(`${table}_name_unique`, ['tenant_id', 'name_key']).execute();
  }
}

async function groups(db: Has): Promise<void> {
  let table = texts(tenantTable(db, 'groups', ['id']), 'id', 'name', 'name_key', 'description');
  table = numbers(table, 'integer', 'version');
  table = numbers(table, 'bigint', 'created_at', 'updated_at');
  await table.addUniqueConstraint('groups_name_unique', ['tenant_id', 'name_key']).execute();

  const members = texts(tenantTable(db, 'group_members', ['group_id', 'user_id']), 'group_id', 'user_id');
  await numbers(members, 'bigint', 'created_at')
    .addForeignKeyConstraint('group_members_group', ['tenant_id', 'group_id'], 'groups', ['tenant_id', 'id'], (key) =>
      key.onDelete('cascade'),
    )
    .addForeignKeyConstraint('group_members_user', ['tenant_id', 'user_id'], 'users', ['tenant_id', 'id'], (key) =>
      key.onDelete('cascade'),
    )
    .execute();
  await db.schema
    .createIndex('group_members_by_user')
    .on('group_members')
    .columns(['tenant_id', 'user_id', 'group_id'])
    .execute();
}

async function roles(db: Has): Promise<void> {
  let table = texts(tenantTable(db, 'roles', ['name']), 'name', 'description', 'allow', 'deny');
  table = numbers(table, 'integer', 'version');
  await numbers(table, 'bigint', 'created_at', 'updated_at').execute();

  const assignments = texts(
    tenantTable(db, 'role_assignments', ['id']),
    ...['id', 'role', 'subject_kind', 'subject_id'],
  );
  await numbers(assignments, 'bigint', 'created_at')
    .addUniqueConstraint('role_assignments_unique', ['tenant_id', 'subject_id', 'subject_kind', 'role'])
    .execute();
  await db.schema
    .createIndex('role_assignments_by_role')
    .on('role_assignments')
    .columns(['tenant_id', 'role', 'id'])
    .execute();
}

async function accessKeys(db: Has): Promise<void> {
  let table = texts(
    tenantTable(db, 'access_keys', ['id']),
    ...['id', 'kind', 'name', 'hint', 'hash', 'owner_kind', 'owner_id', 'cidrs', 'tools'],
  );
  table = numbers(table, 'integer', 'version');
  await numbers(table, 'bigint', 'created_at')
    .addColumn('successor_id', 'text')
    .addColumn('expires_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addColumn('last_used_at', 'bigint')
    .addUniqueConstraint('access_keys_hash_unique', ['hash'])
    .execute();
  await db.schema
    .createIndex('access_keys_by_owner')
    .on('access_keys')
    .columns(['tenant_id', 'owner_kind', 'owner_id', 'id'])
    .execute();
}

async function vault(db: Has): Promise<void> {
  const dataKeys = texts(tenantTable(db, 'data_keys', ['id']), 'id', 'wrapped', 'master_key_id');
  await numbers(dataKeys, 'bigint', 'created_at').addColumn('retired_at', 'bigint').execute();

  let secrets = texts(
    tenantTable(db, 'secrets', ['id']),
    ...['id', 'upstream', 'owner_kind', 'owner_id', 'name', 'data_key_id', 'envelope'],
  );
  secrets = numbers(secrets, 'integer', 'version');
  await numbers(secrets, 'bigint', 'created_at', 'updated_at')
    .addUniqueConstraint('secrets_unique', ['tenant_id', 'upstream', 'owner_kind', 'owner_id', 'name'])
    // A data key that still protects a secret cannot be deleted.
    .addForeignKeyConstraint('secrets_data_key', ['tenant_id', 'data_key_id'], 'data_keys', ['tenant_id', 'id'])
    .execute();
  await db.schema
    .createIndex('secrets_by_data_key')
    .on('secrets')
    .columns(['tenant_id', 'data_key_id', 'id'])
    .execute();
  await db.schema
    .createIndex('secrets_by_owner')
    .on('secrets')
    .columns(['tenant_id', 'owner_kind', 'owner_id'])
    .execute();
}

async function administration(db: Has): Promise<void> {
  let upstreams = texts(tenantTable(db, 'upstreams', ['name']), 'name', 'config');
  upstreams = numbers(upstreams, 'integer', 'enabled', 'version');
  await numbers(upstreams, 'bigint', 'created_at', 'updated_at').execute();

  const idempotency = texts(
    tenantTable(db, 'idempotency_keys', ['principal_id', 'key']),
    ...['principal_id', 'key', 'request_hash'],
  );
  await numbers(idempotency, 'bigint', 'created_at').addColumn('response', 'text').execute();
  await db.schema.createIndex('idempotency_keys_by_age').on('idempotency_keys').column('created_at').execute();

  await numbers(texts(tenantTable(db, 'settings', ['key']), 'key', 'value'), 'bigint', 'updated_at').execute();
}
