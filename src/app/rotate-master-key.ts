import { AppError } from '../errors/app-error.ts';
import { changeMasterKeyFile } from '../vault/load-master-key.ts';
import type { RotationReport, Vault } from '../vault/vault.ts';

/** Key files that are being changed: a second change would take the draft of the first one away. */
const changing = new Set<string>();

/**
 * Moves the vault and its key file to a newly generated master key, while calls go on. Throws `conflict` while another
 * rotation is under way.
 */
export async function rotateMasterKey(vault: Vault, file: string): Promise<RotationReport> {
  if (changing.has(file)) {
    throw new AppError('conflict', 'A change of the master key is under way. Wait until it is done.');
  }
  changing.add(file);
  try {
    let report: RotationReport | undefined;
    await changeMasterKeyFile(file, async (newMasterKey) => {
      report = await vault.rotate({ newMasterKey });
    });
    return report!;
  } finally {
    changing.delete(file);
  }
}
