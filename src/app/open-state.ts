import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditLog, openAudit } from '../audit/open-audit.ts';
import type { Config } from '../config/config.ts';
import type { Logger } from '../http/logger.ts';
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
  close(): Promise<void>;
}

export interface StateOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  readonly log: Logger;
  readonly logIsTerminal?: boolean | undefined;
}

/** Opens the data folder, creating what is missing. Throws an Error for the operator; then nothing stays open. */
export async function openState(config: Config, options: StateOptions): Promise<State> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  // The audit log starts a thread of its own; side by side, the two take little longer than one.
  const [main, log] = await Promise.allSettled([openMain(config, options), openLog(config, options)]);
  if (main.status === 'fulfilled' && log.status === 'fulfilled') {
    const audit = log.value;
    return {
      ...main.value,
      audit,
      async close() {
        await audit.close();
        await main.value.db.destroy();
      },
    };
  }
  if (main.status === 'fulfilled') await main.value.db.destroy();
  if (log.status === 'fulfilled') await log.value.close();
  throw main.status === 'rejected' ? main.reason : (log as PromiseRejectedResult).reason;
}

async function openMain(config: Config, { env, version }: StateOptions) {
  const db = await openDatabase({ file: join(config.dataDir, 'toolgate.db') });
  try {
    await migrate(db, { appVersion: version });
    // A key is only made for a new data folder: with another key, what an old one holds could not be read.
    const generate = (await listDataKeys(db, {})).length === 0;
    const masterKey = await loadMasterKey(config.masterKey, { env, generate });
    const pending = 'file' in config.masterKey ? await loadPendingMasterKey(config.masterKey.file) : null;
    const vault = await openVault({ db, masterKey, previousMasterKey: pending ?? undefined });
    // A change of the master key that was cut short is finished now.
    if (pending !== null && 'file' in config.masterKey) await rotateMasterKey(vault, config.masterKey.file);
    return { db, vault };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

function openLog({ dataDir, audit }: Config, { log, logIsTerminal }: StateOptions): Promise<AuditLog> {
  const checkpointLevel = logIsTerminal ? 'debug' : 'info';
  return openAudit({
    file: join(dataDir, 'audit.db'),
    signingKeyFile: join(dataDir, 'audit-signing.key'),
    ...audit,
    // Kept in the logs, apart from the data folder, it shows whether the end of the audit log was cut off later.
    onCheckpoint: (checkpoint) => log[checkpointLevel]({ checkpoint }, 'audit checkpoint'),
    onState(state, error) {
      const level = error !== null ? 'error' : state === 'closed' ? 'debug' : 'info';
      log[level]({ state, error }, 'audit log');
    },
    onNotice: (text) => log.warn({}, text),
  });
}
