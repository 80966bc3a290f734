import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import type { Secret } from '../lib/secret.ts';
import type { Database } from '../store/database.ts';
import { findSecret, insertSecret, type SecretRef, type StoredSecret, updateSecret } from '../store/secrets.ts';
import { sealSecret } from './envelope.ts';
import type { Keyring } from './keyring.ts';

/** How often a write starts again because somebody else wrote, or rotated, in between. */
const ATTEMPTS = 10;

/** Names one value of a secret. A secret that was removed and stored again has another id. */
export interface SecretVersion {
  /** `sec_…` */
  readonly id: string;
  readonly version: number;
}

/**
 * Encrypts and stores a new value under the tenant's active data key. With `expected` only if that is the value which is
 * there (null: only if there is none), else nothing is changed and the answer is null. Throws `conflict` only under a
 * storm of writes.
 */
export async function writeSecret(
  db: Database,
  keyring: Keyring,
  ref: SecretRef,
  secret: Secret,
  expected?: SecretVersion | null | undefined,
): Promise<SecretVersion | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await findSecret(db, ref);
    if (expected !== undefined && !isVersion(stored, expected)) return null;
    const written = await tryToWrite(db, keyring, ref, secret, stored);
    if (written) return { id: written.id, version: written.version };
    // Perhaps it was the data key that went: another process rotates.
    keyring.refresh(ref.tenantId);
  }
  throw new AppError('conflict', 'The secret is being changed by others at the same time. Try again.');
}

const isVersion = (stored: StoredSecret | null, expected: SecretVersion | null): boolean =>
  stored === null || expected === null
    ? stored === expected
    : stored.id === expected.id && stored.version === expected.version;

/** Null when the row or the data key changed since `stored` was read. */
async function tryToWrite(
  db: Database,
  keyring: Keyring,
  ref: SecretRef,
  secret: Secret,
  stored: StoredSecret | null,
): Promise<StoredSecret | null> {
  const dataKey = await keyring.active(ref.tenantId);
  const version = stored ? stored.version + 1 : 1;
  const next = { envelope: sealSecret(dataKey, ref, version, secret), dataKeyId: dataKey.id };
  try {
    if (stored) return await updateSecret(db, ref, stored, next);
    return await insertSecret(db, { ...ref, ...next, id: newId('sec'), createdAt: Date.now() });
  } catch (error) {
    if (error instanceof AppError && error.code === 'conflict') return null;
    throw error;
  }
}
