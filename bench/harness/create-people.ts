import { hashPassword } from '../../src/identity/password-hash.ts';
import { newId } from '../../src/lib/ids.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { openDatabase } from '../../src/store/database.ts';
import { putPassword } from '../../src/store/local-credentials.ts';
import { assignRole } from '../../src/store/role-assignments.ts';
import { transact } from '../../src/store/transact.ts';
import { insertUser } from '../../src/store/users.ts';
import { PASSWORD, personName } from './fixture-accounts.ts';

/** Puts users who have the role and the password into a database that is there already. Returns the password's hash. */
export async function createPeople(file: string, role: string, count: number): Promise<string> {
  const tenantId = DEFAULT_TENANT;
  const passwordHash = await hashPassword(PASSWORD);
  const db = await openDatabase({ file });
  try {
    await transact(db, async (trx) => {
      for (let index = 0; index < count; index++) {
        const name = personName(index);
        const { id } = await insertUser(trx, {
          ...{ tenantId, id: newId('usr'), name, displayName: name },
          createdAt: Date.now(),
        });
        await assignRole(trx, { tenantId, role, subject: { kind: 'user', id } });
        await putPassword(trx, { tenantId, userId: id }, passwordHash, Date.now());
      }
    });
    return passwordHash;
  } finally {
    await db.destroy();
  }
}
