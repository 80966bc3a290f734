import { firstTables } from './migrations/0001-first-tables.ts';
import { signIn } from './migrations/0002-sign-in.ts';
import { upstreamConnections } from './migrations/0003-upstream-connections.ts';
import { credentialMakers } from './migrations/0004-credential-makers.ts';
import type { Database } from './tables.ts';
import { transact } from './transact.ts';

/** In order; the position is the schema version. Released entries never change: a later one corrects them. */
const MIGRATIONS = [
  { name: 'first-tables', up: firstTables },
  { name: 'sign-in', up: signIn },
  { name: 'upstream-connections', up: upstreamConnections },
  { name: 'credential-makers', up: credentialMakers },
] as const;

/** The schema version that this build works with. */
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/**
 * Brings the database to `SCHEMA_VERSION`, each step whole or not at all. `appVersion` is recorded, so that an older
 * Toolgate can say which version it met. Several processes may call this at once.
 *
 * Throws an Error, having changed nothing, when the database is newer than this build.
 */
export async function migrate(db: Database, { appVersion = 'unknown' }: { appVersion?: string } = {}): Promise<void> {
  await db.schema
    .createTable('schema_versions')
    .ifNotExists()
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('app_version', 'text', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .execute();
  const newest = await db
    .selectFrom('schema_versions')
    .select(['version', 'app_version'])
    .orderBy('version', 'desc')
    .executeTakeFirst();
  const current = newest?.version ?? 0;
  if (newest && current > SCHEMA_VERSION) throw newerDatabase(current, newest.app_version);
  for (let version = current + 1; version <= SCHEMA_VERSION; version++) await apply(db, version, appVersion);
}

async function apply(db: Database, version: number, appVersion: string): Promise<void> {
  const { name, up } = MIGRATIONS[version - 1]!;
  const now = Date.now();
  await transact(db, async (trx) => {
    // The row comes first: it is the lock. A second process waits here, then finds that the step was done.
    const claimed = await trx
      .insertInto('schema_versions')
      .values({ version, name, app_version: appVersion, applied_at: now })
      .onConflict((conflict) => conflict.column('version').doNothing())
      .returning('version')
      .executeTakeFirst();
    if (claimed) await up(trx, now);
  });
}

function newerDatabase(found: number, appVersion: string): Error {
  return new Error(
    `The database has schema version ${found}, written by Toolgate ${appVersion}; this Toolgate knows versions up to ` +
      `${SCHEMA_VERSION}. Nothing was changed. Start Toolgate ${appVersion} or newer, or use another data folder, or ` +
      'restore a backup from before the upgrade.',
  );
}
