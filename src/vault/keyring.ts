import { createSecretKey, randomBytes } from 'node:crypto';
import { AppError } from '../errors/app-error.ts';
import { newId } from '../lib/ids.ts';
import { createLimiter } from '../lib/limiter.ts';
import {
  deleteDataKey,
  findDataKey,
  insertDataKey,
  listDataKeys,
  retireDataKey,
  rewrapDataKey,
  type StoredDataKey,
} from '../store/data-keys.ts';
import type { Database } from '../store/database.ts';
import { transact } from '../store/transact.ts';
import type { DataKey } from './envelope.ts';
import type { MasterKey } from './master-key.ts';

const DATA_KEY_BYTES = 32;

/** The data keys of all tenants, unwrapped. Each tenant has one that encrypts; older ones only decrypt. */
export interface Keyring {
  /** The key that encrypts what the tenant stores now; made when the tenant has none. */
  active(tenantId: string): Promise<DataKey>;
  /** Null when there is no such key (any more). */
  find(tenantId: string, id: string): Promise<DataKey | null>;
  /** Reads anew from the database which key is active: another process may have changed it. */
  refresh(tenantId: string): void;
  /** Gives the tenant a new active key and retires all others. */
  renew(tenantId: string): Promise<DataKey>;
  /** Deletes the retired keys of the tenant that no secret needs any more. */
  sweep(tenantId: string): Promise<void>;
  /** Wraps every data key under this master key, all of them or none, and uses it from then on. */
  rewrap(next: MasterKey): Promise<void>;
  readonly masterKey: MasterKey;
  /** The tenants that have a data key. */
  tenants(): Promise<string[]>;
}

/**
 * Unwraps every data key, so that a wrong or damaged one shows at start and not at the first call. Throws an Error that
 * names the master key that is missing.
 */
export async function createKeyring(
  db: Database,
  masterKey: MasterKey,
  previous: MasterKey | undefined,
): Promise<Keyring> {
  let current = masterKey;
  const masterKeys = new Map([masterKey, ...(previous ? [previous] : [])].map((key) => [key.id, key]));
  /** By tenant and id; a tenant has a handful. */
  const unwrapped = new Map<string, DataKey>();
  const activeKeys = new Map<string, Promise<DataKey>>();
  // A key made under the old master key while `rewrap` runs would stay behind, unreadable after the next start.
  const exclusively = createLimiter(1);

  function unwrap(stored: StoredDataKey): DataKey {
    const mapKey = `${stored.tenantId}\0${stored.id}`;
    const known = unwrapped.get(mapKey);
    if (known) return known;
    const master = masterKeys.get(stored.masterKeyId);
    if (!master) throw missingMasterKey(stored.masterKeyId, [...masterKeys.keys()]);
    let bytes: Buffer;
    try {
      bytes = master.unwrap(stored.tenantId, stored.id, stored.wrapped);
    } catch (cause) {
      throw new Error(`The data key ${stored.id} was changed in the database. Restore it from a backup.`, { cause });
    }
    const key: DataKey = { id: stored.id, key: createSecretKey(bytes) };
    unwrapped.set(mapKey, key);
    return key;
  }

  async function create(trx: Database, tenantId: string): Promise<DataKey> {
    const now = Date.now();
    const id = newId('dk', now);
    const wrapped = current.wrap(tenantId, id, randomBytes(DATA_KEY_BYTES));
    return unwrap(await insertDataKey(trx, { tenantId, id, wrapped, masterKeyId: current.id, createdAt: now }));
  }

  async function loadActive(tenantId: string): Promise<DataKey> {
    const stored = (await listDataKeys(db, { tenantId })).findLast((key) => key.retiredAt === null);
    return stored ? unwrap(stored) : create(db, tenantId);
  }

  function setActive(tenantId: string, loading: Promise<DataKey>): Promise<DataKey> {
    activeKeys.set(tenantId, loading);
    loading.catch(() => {
      if (activeKeys.get(tenantId) === loading) activeKeys.delete(tenantId);
    });
    return loading;
  }

  for (const stored of await listDataKeys(db)) unwrap(stored);

  return {
    get masterKey() {
      return current;
    },
    active: (tenantId) =>
      activeKeys.get(tenantId) ??
      setActive(
        tenantId,
        exclusively(() => loadActive(tenantId)),
      ),
    async find(tenantId, id) {
      const known = unwrapped.get(`${tenantId}\0${id}`);
      if (known) return known;
      const stored = await findDataKey(db, { tenantId, id });
      return stored && unwrap(stored);
    },
    refresh: (tenantId) => void activeKeys.delete(tenantId),
    async renew(tenantId) {
      const key = await exclusively(() =>
        transact(db, async (trx) => {
          const older = await listDataKeys(trx, { tenantId });
          const created = await create(trx, tenantId);
          for (const { id } of older) await retireDataKey(trx, { tenantId, id });
          return created;
        }),
      );
      activeKeys.set(tenantId, Promise.resolve(key));
      return key;
    },
    async sweep(tenantId) {
      for (const { id, retiredAt } of await listDataKeys(db, { tenantId })) {
        if (retiredAt === null) continue;
        try {
          await deleteDataKey(db, { tenantId, id });
          unwrapped.delete(`${tenantId}\0${id}`);
        } catch (error) {
          // A secret still needs it: the database refuses to delete it.
          if (!(error instanceof AppError && error.code === 'conflict')) throw error;
        }
      }
    },
    rewrap: (next) =>
      exclusively(async () => {
        masterKeys.set(next.id, next);
        await transact(db, async (trx) => {
          for (const stored of await listDataKeys(trx)) {
            if (stored.masterKeyId === next.id) continue;
            const { tenantId, id, masterKeyId } = stored;
            const wrapped = next.wrap(tenantId, id, unwrap(stored).key.export());
            await rewrapDataKey(trx, { tenantId, id }, masterKeyId, { wrapped, masterKeyId: next.id });
          }
        });
        current = next;
      }),
    tenants: async () => [...new Set((await listDataKeys(db)).map((key) => key.tenantId))],
  };
}

function missingMasterKey(needed: string, given: readonly string[]): Error {
  return new Error(
    `The vault is encrypted under master key ${needed}, but the key that was given is ${given.join(' and ')}. ` +
      'Put the former master key back (from your backup). If you changed it yourself: put the former one back, then ' +
      'change it with `toolgate vault rotate`, which re-encrypts.',
  );
}
