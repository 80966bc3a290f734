import { changeMasterKeyFile } from '../vault/load-master-key.ts';
import type { RotationReport, Vault } from '../vault/vault.ts';

/** Moves the vault and its key file to a newly generated master key, while calls go on. */
export async function rotateMasterKey(vault: Vault, file: string): Promise<RotationReport> {
  let report: RotationReport | undefined;
  await changeMasterKeyFile(file, async (newMasterKey) => {
    report = await vault.rotate({ newMasterKey });
  });
  return report!;
}
