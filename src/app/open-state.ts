import { join } from 'node:path';
import { type AuditLog, openAudit } from '../audit/open-audit.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../http/logger.ts';
import { createFirstAccounts, type FirstAccounts } from '../identity/create-first-accounts.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import type { Database } from '../store/tables.ts';
import { loadMasterKey, loadPendingMasterKey } from '../vault/load-master-key.ts';
import { openVault, type Vault } from '../vault/vault.ts';

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
}

/** Opens the data folder, creating what is missing. Throws an Error for the operator; then nothing stays open. */
export async function openState(config: Config, { env, version, log }: StateOptions): Promise<State> {
  const opened: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of opened.reverse().splice(0)) await end();
  };
  try {
    const db = await openDatabase({ file: join(config.dataDir, 'toolgate.db') });
    opened.push(() => db.destroy());
    await migrate(db, { appVersion: version });
    const masterKey = await loadMasterKey(config.masterKey, { env });
    const pending = 'file' in config.masterKey ? await loadPendingMasterKey(config.masterKey.file) : null;
    const vault = await openVault({ db, masterKey, previousMasterKey: pending ?? undefined });
    const audit = await openAudit({
      file: join(config.dataDir, 'audit.db'),
      signingKeyFile: join(config.dataDir, 'audit-signing.key'),
      ...config.audit,
      onState: (state, error) => log[error === null ? 'info' : 'error']({ state, error }, 'audit log'),
      onNotice: (text) => log.warn({}, text),
    });
    opened.push(() => audit.close());
    return { db, vault, audit, firstAccounts: await createFirstAccounts(db), close };
  } catch (error) {
    await close();
    throw error;
  }
}
