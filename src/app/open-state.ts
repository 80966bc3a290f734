import { join } from 'node:path';
import { type AuditLog, openAudit } from '../audit/open-audit.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../http/logger.ts';
import { createFirstAccounts, type FirstAccounts } from '../identity/create-first-accounts.ts';
import { listDataKeys } from '../store/data-keys.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import type { Database } from '../store/tables.ts';
import { loadMasterKey, loadPendingMasterKey } from '../vault/load-master-key.ts';
import { openVault, type Vault } from '../vault/vault.ts';
import { rotateMasterKey } from './rotate-master-key.ts';

/** Everything that lives in the data folder. */
export interface State {
  readonly db: Database;
  readonly vault: Vault;
  readonly audit: AuditLog;
  /** Only on the very first start. */
  readonly firstAccounts: FirstAccounts | null;
  close(): Promise<void>;
}

export interface StateOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly log: Logger;
  /** Whether an empty data folder gets its first accounts; only somebody who shows their keys may ask for that. */
  readonly firstStart: boolean;
}

/** Opens the data folder, creating what is missing. Throws an Error for the operator; then nothing stays open. */
export async function openState(config: Config, { env, version, log, firstStart }: StateOptions): Promise<State> {
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of opened.reverse().splice(0)) await end();
  };
  try {
    const db = await openDatabase({ file: join(config.dataDir, 'toolgate.db') });
    opened.push(() => db.destroy());
    await migrate(db, { appVersion: version });
    // A key is only made for a new data folder: with another key, what an old one holds could not be read.
    const generate = (await listDataKeys(db, {})).length === 0;
    const masterKey = await loadMasterKey(config.masterKey, { env, generate });
    const pending = 'file' in config.masterKey ? await loadPendingMasterKey(config.masterKey.file) : null;
    const vault = await openVault({ db, masterKey, previousMasterKey: pending ?? undefined });
    // A change of the master key that was cut short is finished now.
    if (pending !== null && 'file' in config.masterKey) await rotateMasterKey(vault, config.masterKey.file);
    const audit = await openAudit({
      file: join(config.dataDir, 'audit.db'),
      signingKeyFile: join(config.dataDir, 'audit-signing.key'),
      ...config.audit,
      onState: (state, error) => log[error === null ? 'info' : 'error']({ state, error }, 'audit log'),
      onNotice: (text) => log.warn({}, text),
    });
    opened.push(() => audit.close());
    return { db, vault, audit, firstAccounts: firstStart ? await createFirstAccounts(db) : null, close };
  } catch (error) {
    await close();
    throw error;
  }
}
