import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompiledQuery } from 'kysely';
import { selectKeys } from './access-keys.ts';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';
import { selectRoles, selectRolesThroughGroups } from './role-assignments.ts';

// Every first request with a key waits for these. SQLite plans without statistics here, as in a young database.
test('loading a key searches by hash, id and group, and never walks a table or a tenant', async () => {
  const db = await openDatabase({ file: ':memory:' });
  try {
    await migrate(db);
    const queries = [
      selectKeys(db).where('hash', '=', 'h'),
      selectRoles(db, 'default', { kind: 'user', id: 'u' }),
      selectRolesThroughGroups(db, 'default', 'u'),
    ];
    for (const query of queries) {
      const { sql, parameters } = query.compile();
      const explain = CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]);
      const plan = await db.executeQuery<{ detail: string }>(explain as CompiledQuery<{ detail: string }>);
      for (const { detail } of plan.rows) {
        assert.match(detail, /^SEARCH .*(hash=\?|tenant_id=\? AND (id|subject_id|user_id)=\?)/, detail);
      }
    }
  } finally {
    await db.destroy();
  }
});
