import { access } from 'node:fs/promises';
import type { Config } from '../config/config.ts';
import { loadMasterKey, loadPendingMasterKey } from '../vault/load-master-key.ts';
import type { MasterKey } from '../vault/master-key.ts';
import { isDataFolder } from './data-folder.ts';
import { type Finding, failed, ok, warn } from './finding.ts';

export interface MasterKeyCheck {
  readonly finding: Finding;
  /** Absent when it could not be read. */
  readonly masterKey?: MasterKey;
  /** Of a change that was cut short. */
  readonly pending?: MasterKey | undefined;
}

const CHECK = 'master key';

/** Whether there is a master key, only its owner can read it, and it is no sample or weak one. */
export async function checkMasterKey(
  { masterKey: source, dataDir }: Config,
  env: NodeJS.ProcessEnv,
): Promise<MasterKeyCheck> {
  if ('fd' in source) {
    return {
      finding: warn(
        CHECK,
        `It comes over file descriptor ${source.fd}, which only the gateway has.`,
        'Nothing, if the gateway starts.',
      ),
    };
  }
  const isMissing = 'file' in source && !(await exists(source.file));
  if (isMissing && !(await isDataFolder(dataDir))) {
    return { finding: ok(CHECK, `${source.file} will be created at the first start`) };
  }
  try {
    const masterKey = await loadMasterKey(source, { env, generate: false });
    const where = 'file' in source ? source.file : `in the environment variable ${source.env}`;
    const pending = 'file' in source ? ((await loadPendingMasterKey(source.file)) ?? undefined) : undefined;
    const finding =
      pending === undefined
        ? ok(CHECK, `${where} (id ${masterKey.id})`)
        : warn(CHECK, `A change of the key in ${where} was cut short.`, 'The next start of the gateway finishes it.');
    return { finding, masterKey, pending };
  } catch (error) {
    return { finding: failed(CHECK, error) };
  }
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
