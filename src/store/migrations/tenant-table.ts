import type { CreateTableBuilder, Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration runs against a schema that no longer has a type.
export type Has = { readonly schema: Kysely<any>['schema'] };
export type Table = CreateTableBuilder<string, string>;

/** A table whose rows belong to a tenant, with its key. */
export function tenantTable(db: Has, table: string, key: readonly string[]): Table {
  const builder = db.schema
    .createTable(table)
    .addColumn('tenant_id', 'text', (column) => column.notNull().references('tenants.id'))
    .addPrimaryKeyConstraint(`${table}_pkey`, ['tenant_id', ...key] as never[]);
  return builder as unknown as Table;
}

export const columns = (table: Table, type: 'text' | 'integer' | 'bigint', ...names: string[]): Table =>
  names.reduce((made, name) => made.addColumn(name, type, (column) => column.notNull()), table);

export const optional = (table: Table, type: 'text' | 'bigint', ...names: string[]): Table =>
  names.reduce((made, name) => made.addColumn(name, type), table);
