import { AppError } from '../errors/app-error.ts';
import type { Secret } from '../lib/secret.ts';
import type { Database } from '../store/database.ts';
import { findSecret, type SecretRef } from '../store/secrets.ts';
import { openSecret } from './envelope.ts';
import type { Keyring } from './keyring.ts';

/** How often the data key may be gone because a rotation moved the secret in the meantime. */
const ATTEMPTS = 10;

export interface VaultEntry {
  /** `sec_…`; another one after the secret was removed and stored again. */
  readonly id: string;
  /** 1 at first, one more with every new value. Together with the id it names the value. */
  readonly version: number;
  readonly value: Secret;
}

/** Reads and decrypts; null when there is no such secret. Throws `internal` when the envelope was tampered with. */
export async function readSecret(db: Database, keyring: Keyring, ref: SecretRef): Promise<VaultEntry | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await findSecret(db, ref);
    if (!stored) return null;
    const dataKey = await keyring.find(ref.tenantId, stored.dataKeyId);
    if (!dataKey) continue;
    try {
      const value = openSecret(dataKey, ref, stored.version, stored.envelope);
      return { id: stored.id, version: stored.version, value };
    } catch (error) {
      const where = `${ref.name} of ${ref.upstream}, ${[ref.owner.kind, ref.owner.id].join(' ').trim()}`;
      const cause = new Error(`The secret ${stored.id} (${where}) was changed or moved in the database.`, {
        cause: error,
      });
      throw new AppError('internal', undefined, { cause });
    }
  }
  throw new AppError('internal', undefined, { cause: new Error('The data key of a secret is missing.') });
}
