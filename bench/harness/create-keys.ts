import { newId } from '../../src/lib/ids.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { openDatabase } from '../../src/store/database.ts';
import { migrate } from '../../src/store/migrate.ts';
import { assignRole } from '../../src/store/role-assignments.ts';
import { insertServiceAccount } from '../../src/store/service-accounts.ts';
import { transact } from '../../src/store/transact.ts';
import { createKey } from '../../src/tokens/create-key.ts';

const KEYS_PER_ACCOUNT = 10;

export const accountName = (index: number): string => `agent-${index}`;

/** Creates the database with service accounts that have the role, ten keys each. Returns the keys. */
export async function createKeys(file: string, role: string, count: number): Promise<string[]> {
  const db = await openDatabase({ file });
  try {
    await migrate(db, { appVersion: 'bench' });
    return await transact(db, async (trx) => {
      const tenantId = DEFAULT_TENANT;
      const keys: string[] = [];
      for (let account = 0; keys.length < count; account++) {
        const id = newId('sva');
        const owner = { kind: 'service_account', id } as const;
        const named = { name: accountName(account), description: '' };
        await insertServiceAccount(trx, { tenantId, id, ...named, createdAt: Date.now() });
        await assignRole(trx, { tenantId, role, subject: owner });
        for (let i = 0; i < KEYS_PER_ACCOUNT && keys.length < count; i++) {
          const { secret } = await createKey(trx, { tenantId, name: `key-${i}`, owner, expiresAt: null });
          keys.push(secret.reveal());
        }
      }
      return keys;
    });
  } finally {
    await db.destroy();
  }
}
