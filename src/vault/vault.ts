import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import { createLru } from '../lib/lru.ts';
import type { Secret } from '../lib/secret.ts';
import type { Database } from '../store/database.ts';
import type { Page, PageRequest } from '../store/page.ts';
import {
  deleteSecret,
  findSecret,
  insertSecret,
  listSecrets,
  type SecretInfo,
  type SecretRef,
  updateSecret,
} from '../store/secrets.ts';
import { openSecret, sealSecret } from './envelope.ts';
import { createKeyring } from './keyring.ts';
import type { MasterKey } from './master-key.ts';
import { reEncrypt, type UnreadableSecret } from './re-encrypt.ts';

/** The owner of a secret that every caller of the upstream shares. */
export const SHARED: SecretRef['owner'] = { kind: 'shared', id: '' };

/** Values are credentials, not files. */
const MAX_SECRET_BYTES = 64 * 1024;
const DEFAULT_CACHE_SIZE = 10_000;
/** How often a write or read starts again because the row or its data key changed underneath. */
const ATTEMPTS = 10;

export interface VaultEntry {
  /** `sec_…`; another one after the secret was removed and stored again. */
  readonly id: string;
  /** 1 at first, one more with every new value. Together with the id it names the value. */
  readonly version: number;
  readonly value: Secret;
}

export interface RotationReport {
  readonly masterKeyId: string;
  readonly tenants: number;
  /** How many secrets were re-encrypted. */
  readonly secrets: number;
  /** Could not be decrypted and were left as they are; whoever owns them must store them again. */
  readonly unreadable: readonly UnreadableSecret[];
}

export interface Vault {
  /** Stores a new value; whoever reads from now on gets it. Throws `unprocessable` for a value above 64 KiB. */
  put(ref: SecretRef, secret: Secret): Promise<{ readonly id: string; readonly version: number }>;
  /** The value, or null when there is none. Throws `internal` when the stored envelope was tampered with. */
  get(ref: SecretRef): Promise<Secret | null>;
  /** The same with its id and version; at once when it is in memory, so that a call need not wait for a turn. */
  entry(ref: SecretRef): VaultEntry | null | Promise<VaultEntry | null>;
  /** What is stored, without values. */
  list(
    filter: PageRequest & { upstream?: string | undefined; owner?: SecretRef['owner'] | undefined },
  ): Promise<Page<SecretInfo>>;
  /** False when there was none. */
  remove(ref: SecretRef): Promise<boolean>;
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
  const cache = createLru<string, VaultEntry | null>(cacheSize);
  const loading = new Map<string, Promise<VaultEntry | null>>();
  const listeners = new Set<(ref: SecretRef | null) => void>();
  const writing = new Set<Promise<unknown>>();
  let rotating = false;

  /** A load that is under way loses its place too, so that it cannot put an old value back. */
  function invalidate(ref: SecretRef): void {
    const key = refKey(ref);
    cache.delete(key);
    loading.delete(key);
    for (const listener of listeners) listener(ref);
  }

  function forgetValues(): void {
    cache.clear();
    loading.clear();
  }

  async function load(ref: SecretRef): Promise<VaultEntry | null> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const stored = await findSecret(db, ref);
      if (!stored) return null;
      const dataKey = await keyring.find(ref.tenantId, stored.dataKeyId);
      // A rotation moved the secret and removed its old key between the two queries.
      if (!dataKey) continue;
      try {
        const value = openSecret(dataKey, ref, stored.version, stored.envelope);
        return { id: stored.id, version: stored.version, value };
      } catch (cause) {
        const where = `${ref.owner.kind} ${ref.owner.id} ${ref.name} of ${ref.upstream}`;
        const error = new Error(`The secret ${stored.id} (${where}) was changed or moved in the database.`, { cause });
        throw new AppError('internal', undefined, { cause: error });
      }
    }
    throw new AppError('internal', undefined, { cause: new Error('The data key of a secret is missing.') });
  }

  function entry(ref: SecretRef): VaultEntry | null | Promise<VaultEntry | null> {
    const key = refKey(ref);
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const underWay = loading.get(key);
    if (underWay) return underWay;
    const flight: Promise<VaultEntry | null> = load(ref).then(
      (found) => {
        if (loading.get(key) === flight) {
          loading.delete(key);
          cache.set(key, found);
        }
        return found;
      },
      (error) => {
        if (loading.get(key) === flight) loading.delete(key);
        throw error;
      },
    );
    loading.set(key, flight);
    return flight;
  }

  /** One attempt; null when the row or the data key changed between reading and writing. */
  async function write(ref: SecretRef, secret: Secret): Promise<{ id: string; version: number } | null> {
    const dataKey = await keyring.active(ref.tenantId);
    const stored = await findSecret(db, ref);
    const version = stored ? stored.version + 1 : 1;
    const next = { envelope: sealSecret(dataKey, ref, version, secret), dataKeyId: dataKey.id };
    try {
      if (stored) return await updateSecret(db, ref, stored.version, next);
      return await insertSecret(db, { ...ref, ...next, id: newId('sec'), createdAt: Date.now() });
    } catch (error) {
      if (error instanceof AppError && error.code === 'conflict') return null;
      throw error;
    }
  }

  async function put(ref: SecretRef, secret: Secret): Promise<{ id: string; version: number }> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const written = await write(ref, secret);
      if (written) {
        invalidate(ref);
        return { id: written.id, version: written.version };
      }
      keyring.refresh(ref.tenantId);
    }
    throw new AppError('conflict', 'The secret is being changed by others at the same time. Try again.');
  }

  async function rotate(newMasterKey: MasterKey | undefined): Promise<RotationReport> {
    const tenants = await keyring.tenants();
    const unreadable: UnreadableSecret[] = [];
    let secrets = 0;
    for (const tenantId of tenants) {
      const dataKey = await keyring.renew(tenantId);
      // These may still hold the former data key; whatever starts from now on takes the new one.
      await Promise.allSettled(writing);
      const result = await reEncrypt(db, keyring, tenantId, dataKey);
      secrets += result.moved;
      unreadable.push(...result.unreadable);
      await keyring.sweep(tenantId);
    }
    await keyring.rewrap(newMasterKey ?? keyring.masterKey);
    return { masterKeyId: keyring.masterKey.id, tenants: tenants.length, secrets, unreadable };
  }

  return {
    async put(ref, secret) {
      checkRef(ref);
      if (Buffer.byteLength(secret.reveal()) > MAX_SECRET_BYTES) {
        throw new AppError('unprocessable', `A secret has at most ${MAX_SECRET_BYTES} bytes.`);
      }
      const written = put(ref, secret);
      writing.add(written);
      try {
        return await written;
      } finally {
        writing.delete(written);
      }
    },
    get: async (ref) => (await entry(ref))?.value ?? null,
    entry,
    list: (filter) => listSecrets(db, filter),
    async remove(ref) {
      const removed = await deleteSecret(db, ref);
      invalidate(ref);
      return removed;
    },
    async rotate({ newMasterKey } = {}) {
      if (rotating) throw new AppError('conflict', 'A rotation of the vault is under way. Wait until it is done.');
      rotating = true;
      try {
        return await rotate(newMasterKey);
      } finally {
        rotating = false;
        forgetValues();
      }
    },
    forget() {
      forgetValues();
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

/** Catches a caller that would store a person's secret for everybody, or the other way round. */
function checkRef({ owner }: SecretRef): void {
  if ((owner.kind === 'shared') !== (owner.id === '')) {
    throw new TypeError('A shared secret has no owner id, and every other secret has one.');
  }
}
