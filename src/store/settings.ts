import type { Database } from './tables.ts';

export interface SettingRef {
  readonly tenantId: string;
  readonly key: string;
}

export async function findSetting(db: Database, ref: SettingRef): Promise<string | null> {
  const row = await db
    .selectFrom('settings')
    .select('value')
    .where('tenant_id', '=', ref.tenantId)
    .where('key', '=', ref.key)
    .executeTakeFirst();
  return row?.value ?? null;
}

/** Sets it, whether it was set or not. */
export async function putSetting(
  db: Database,
  ref: SettingRef,
  value: string,
  now: number = Date.now(),
): Promise<void> {
  await db
    .insertInto('settings')
    .values({ tenant_id: ref.tenantId, key: ref.key, value, updated_at: now })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'key']).doUpdateSet({ value, updated_at: now }))
    .execute();
}

/** Sets it only when it is not set yet; true when this call did. Of several simultaneous calls one does. */
export async function claimSetting(
  db: Database,
  ref: SettingRef,
  value: string,
  now: number = Date.now(),
): Promise<boolean> {
  const claimed = await db
    .insertInto('settings')
    .values({ tenant_id: ref.tenantId, key: ref.key, value, updated_at: now })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'key']).doNothing())
    .returning('key')
    .executeTakeFirst();
  return claimed !== undefined;
}

/** False when it was not set. */
export async function deleteSetting(db: Database, ref: SettingRef): Promise<boolean> {
  const removed = await db
    .deleteFrom('settings')
    .where('tenant_id', '=', ref.tenantId)
    .where('key', '=', ref.key)
    .returning('key')
    .executeTakeFirst();
  return removed !== undefined;
}
