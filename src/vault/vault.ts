import { AppError } from '../errors/app-error.ts';
import { createLoadingCache } from '../lib/loading-cache.ts';
import type { Secret } from '../lib/secret.ts';
import type { Database } from '../store/database.ts';
import type { Page, PageRequest } from '../store/page.ts';
import { deleteSecret, listSecrets, type SecretInfo, type SecretRef } from '../store/secrets.ts';
import { createKeyring } from './keyring.ts';
import type { MasterKey } from './master-key.ts';
import { readSecret, type VaultEntry } from './read-secret.ts';
import { type RotationReport, rotateSecrets } from './rotate-secrets.ts';
import { type SecretVersion, writeSecret } from './write-secret.ts';

export type { RotationReport, SecretVersion, VaultEntry };

/** The owner of a secret that every caller of the upstream shares. */
export const SHARED: SecretRef['owner'] = { kind: 'shared', id: '' };

/** Values are credentials, not files. */
const MAX_SECRET_BYTES = 64 * 1024;
const DEFAULT_CACHE_SIZE = 10_000;

export interface Vault {
  /** Stores a new value; whoever reads from now on gets it. Throws `unprocessable` for a value above 64 KiB. */
  put(ref: SecretRef, secret: Secret): Promise<SecretVersion>;
  /** The same, but only in place of this value (null: of none). Null, having changed nothing, when another one is there. */
  replace(ref: SecretRef, expected: SecretVersion | null, secret: Secret): Promise<SecretVersion | null>;
  /** The value, or null when there is none. Throws `internal` when the stored envelope was tampered with. */
  get(ref: SecretRef): Promise<Secret | null>;
  /** The same with its id and version; at once when it is in memory, so that a call need not wait for a turn. */
  entry(ref: SecretRef): VaultEntry | null | Promise<VaultEntry | null>;
  /** What is stored now, past the memory of this process: another one may have written it. It is not kept in memory. */
  readStored(ref: SecretRef): Promise<VaultEntry | null>;
  /** What is stored, without values. */
  list(
    filter: PageRequest & { upstream?: string | undefined; owner?: SecretRef['owner'] | undefined },
  ): Promise<Page<SecretInfo>>;
  /** False when there was none, or, with `expected`, when another value is there: that one stays. */
  remove(ref: SecretRef, expected?: SecretVersion): Promise<boolean>;
  /**
   * Re-encrypts every secret under new data keys and, with `newMasterKey`, wraps these under that. Reads and writes go
   * on meanwhile. A crash leaves everything readable with the master key that was valid before; then run it again. The
   * change of the master key itself is one transaction at the end. Throws `conflict` while another rotation runs.
   */
  rotate(options?: { newMasterKey?: MasterKey | undefined }): Promise<RotationReport>;
  /** Forgets every value in memory. For changes that go past the vault, such as the removal of a user with all rows. */
  forget(): void;
  /** Called after a value changed or went away; null means that any may have. Returns a function that stops it. */
  onChange(listener: (ref: SecretRef | null) => void): () => void;
}

/**
 * Opens the vault of a migrated database. `previousMasterKey` is a second key that the data may still be under, when a
 * change of the master key was cut short; `rotate()` then moves everything to `masterKey`. Throws an Error when neither
 * key is the one that the data needs.
 *
 * A value is decrypted once and then kept in memory (`cacheSize` of them, as `Secret`), as is its absence.
 */
export async function openVault({
  db,
  masterKey,
  previousMasterKey,
  cacheSize = DEFAULT_CACHE_SIZE,
}: {
  db: Database;
  masterKey: MasterKey;
  previousMasterKey?: MasterKey | undefined;
  cacheSize?: number | undefined;
}): Promise<Vault> {
  const keyring = await createKeyring(db, masterKey, previousMasterKey);
  const entries = createLoadingCache<VaultEntry | null>(cacheSize);
  const listeners = new Set<(ref: SecretRef | null) => void>();
  const writing = new Set<Promise<unknown>>();
  let rotating = false;

  const entry: Vault['entry'] = (ref) => entries.get(refKey(ref), () => readSecret(db, keyring, ref));

  function changed(ref: SecretRef): void {
    entries.delete(refKey(ref));
    for (const listener of listeners) listener(ref);
  }

  async function write(ref: SecretRef, secret: Secret, expected?: SecretVersion | null): Promise<SecretVersion | null> {
    checkSecret(ref, secret);
    const written = writeSecret(db, keyring, ref, secret, expected);
    writing.add(written);
    try {
      const stored = await written;
      changed(ref);
      return stored;
    } finally {
      writing.delete(written);
    }
  }

  return {
    put: async (ref, secret) => (await write(ref, secret))!,
    replace: (ref, expected, secret) => write(ref, secret, expected),
    get: async (ref) => (await entry(ref))?.value ?? null,
    entry,
    readStored(ref) {
      entries.delete(refKey(ref));
      return readSecret(db, keyring, ref);
    },
    list: (filter) => listSecrets(db, filter),
    async remove(ref, expected) {
      const removed = await deleteSecret(db, ref, expected);
      changed(ref);
      return removed;
    },
    async rotate({ newMasterKey } = {}) {
      if (rotating) throw new AppError('conflict', 'A rotation of the vault is under way. Wait until it is done.');
      rotating = true;
      try {
        const target = newMasterKey ?? keyring.masterKey;
        return await rotateSecrets(db, keyring, target, () => Promise.allSettled(writing));
      } finally {
        rotating = false;
        entries.clear();
      }
    },
    forget() {
      entries.clear();
      for (const listener of listeners) listener(null);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** One text per ref and one ref per text. */
function refKey({ tenantId, upstream, owner, name }: SecretRef): string {
  return JSON.stringify([tenantId, upstream, owner.kind, owner.id, name]);
}

function checkSecret({ owner }: SecretRef, secret: Secret): void {
  // Catches code that would store a person's secret for everybody, or the other way round.
  if ((owner.kind === 'shared') !== (owner.id === '')) {
    throw new TypeError('A shared secret has no owner id, and every other secret has one.');
  }
  if (Buffer.byteLength(secret.reveal()) > MAX_SECRET_BYTES) {
    throw new AppError('unprocessable', `A secret has at most ${MAX_SECRET_BYTES} bytes.`);
  }
}
