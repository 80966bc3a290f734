import type { Selectable } from 'kysely';
import { type Page, type PageRequest, toPage } from './page.ts';
import type { Database, Tables } from './tables.ts';

export interface Tenant {
  readonly id: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** Throws `conflict` when the id is taken. */
export async function insertTenant(db: Database, tenant: Tenant): Promise<Tenant> {
  const row = { id: tenant.id, name: tenant.name, created_at: tenant.createdAt };
  return toTenant(await db.insertInto('tenants').values(row).returningAll().executeTakeFirstOrThrow());
}

export async function findTenant(db: Database, id: string): Promise<Tenant | null> {
  const row = await db.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirst();
  return row ? toTenant(row) : null;
}

export async function listTenants(db: Database, page: Omit<PageRequest, 'tenantId'>): Promise<Page<Tenant>> {
  const rows = await db
    .selectFrom('tenants')
    .selectAll()
    .where('id', '>', page.after ?? '')
    .orderBy('id')
    .limit(page.limit + 1)
    .execute();
  return toPage(rows, page.limit, toTenant, (tenant) => tenant.id);
}

function toTenant(row: Selectable<Tables['tenants']>): Tenant {
  return { id: row.id, name: row.name, createdAt: Number(row.created_at) };
}
