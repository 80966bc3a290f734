import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Database } from '../../../src/store/database.ts';
import { migrate, SCHEMA_VERSION } from '../../../src/store/migrate.ts';
import { findUser } from '../../../src/store/users.ts';
import { newUser } from './fixture.ts';

/** These need databases of their own. */
export function migrations(open: () => Promise<Database>): void {
  test('migrating twice, and at once, applies every step once and keeps the data', async () => {
    const db = await open();
    try {
      await Promise.all([migrate(db, { appVersion: '1.2.3' }), migrate(db, { appVersion: '1.2.3' })]);
      const user = await newUser(db, 'default');
      await migrate(db, { appVersion: '1.2.4' });
      assert.deepEqual(await findUser(db, user), user);
      const versions = await db.selectFrom('schema_versions').select(['version', 'app_version']).execute();
      assert.equal(versions.length, SCHEMA_VERSION);
      assert.ok(versions.every((row) => row.app_version === '1.2.3'));
    } finally {
      await db.destroy();
    }
  });

  test('a database of a newer version is refused with both versions and the way out, and not changed', async () => {
    const db = await open();
    try {
      await migrate(db);
      const version = SCHEMA_VERSION + 6;
      const row = { version, name: 'from-the-future', app_version: '9.8.7', applied_at: 1 };
      await db.insertInto('schema_versions').values(row).execute();
      await assert.rejects(migrate(db), (error: Error) => {
        for (const part of [`schema version ${version}`, `up to ${SCHEMA_VERSION}`, 'Start Toolgate 9.8.7', 'backup']) {
          assert.ok(error.message.includes(part), `"${error.message}" lacks "${part}"`);
        }
        return true;
      });
    } finally {
      await db.destroy();
    }
  });
}
