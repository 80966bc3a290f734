import { join } from 'node:path';
import { openDatabase } from '../store/database.ts';
import { SCHEMA_VERSION } from '../store/migrate.ts';
import type { Database } from '../store/tables.ts';
import { openVault } from '../vault/vault.ts';
import type { MasterKeyCheck } from './check-master-key.ts';
import { isDataFolder } from './data-folder.ts';
import { type Finding, fail, failed, ok, warn } from './finding.ts';

/** Whether this version of Toolgate can use the database, and the master key opens what is stored in it. */
export async function checkDatabase(dataDir: string, { masterKey, pending }: MasterKeyCheck): Promise<Finding[]> {
  if (!(await isDataFolder(dataDir))) return [];
  let db: Database;
  try {
    db = await openDatabase({ file: join(dataDir, 'toolgate.db') });
  } catch (error) {
    return [failed('database', error)];
  }
  try {
    const version = await checkVersion(db);
    if (version.level === 'fail' || masterKey === undefined) return [version];
    return [version, await checkVault({ db, masterKey, previousMasterKey: pending })];
  } catch (error) {
    return [failed('database', error)];
  } finally {
    await db.destroy();
  }
}

async function checkVersion(db: Database): Promise<Finding> {
  const newest = await db
    .selectFrom('schema_versions')
    .select(['version', 'app_version'])
    .orderBy('version', 'desc')
    .executeTakeFirst();
  const version = newest?.version ?? 0;
  if (version > SCHEMA_VERSION) {
    const detail = `It has version ${version}, written by Toolgate ${newest?.app_version}; this one knows ${SCHEMA_VERSION}.`;
    return fail('database', detail, `Start Toolgate ${newest?.app_version} or newer.`);
  }
  if (version < SCHEMA_VERSION) {
    return warn(
      'database',
      `It has version ${version} of ${SCHEMA_VERSION}.`,
      'The next start upgrades it. Back up the data folder first.',
    );
  }
  return ok('database', `version ${version}`);
}

async function checkVault(options: Parameters<typeof openVault>[0]): Promise<Finding> {
  try {
    await openVault(options);
    return ok('vault', 'the master key opens it');
  } catch (error) {
    return failed('vault', error);
  }
}
