import { setImmediate } from 'node:timers/promises';
import type { Database } from './tables.ts';

/** Under the parameter limits of both engines, and short enough not to hold up requests. */
const BATCH = 250;

/**
 * Notes that these keys of a tenant were used up to `at` (milliseconds since the epoch). A later time that is already
 * there stays. Works in batches and lets other work run between them.
 */
export async function touchAccessKeys(
  db: Database,
  { tenantId, ids, at }: { readonly tenantId: string; readonly ids: readonly string[]; readonly at: number },
): Promise<void> {
  for (let start = 0; start < ids.length; start += BATCH) {
    if (start > 0) await setImmediate();
    await db
      .updateTable('access_keys')
      .set({ last_used_at: at })
      .where('tenant_id', '=', tenantId)
      .where('id', 'in', ids.slice(start, start + BATCH))
      .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', at)]))
      .execute();
  }
}
