import { compileCidrs } from '../lib/cidr.ts';
import { createLimiter } from '../lib/limiter.ts';
import type { Caller } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { type LoadedKey, loadKeyByHash } from '../store/load-key-by-hash.ts';
import { type CachedCredential, type CredentialCache, createCredentialCache } from './credential-cache.ts';
import { refuseCredential } from './credential-refusal.ts';

/** A flood of unknown keys waits in line here and not at the database, where everybody else would wait behind it. */
const CONCURRENT_LOADS = 4;

/** A key that was in force when it was loaded. */
export interface KeyEntry extends CachedCredential {
  /** SHA-256 of the key, as the bytes of its hex text. */
  readonly hash: Buffer;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null;
  /** Null: from anywhere. */
  readonly allows: ((address: string) => boolean) | null;
  /** Since the last time that uses were written down. */
  used: boolean;
}

/** Keys in memory, by the hex SHA-256 of the whole key. */
export interface KeyCache extends Omit<CredentialCache<KeyEntry>, 'load'> {
  /** Reads the key; one load serves all who wait. Rejects with `credential_invalid` when it is not in force. */
  load(hash: string): Promise<KeyEntry>;
}

export function createKeyCache(db: Database, capacity: number, maxAgeMs: number): KeyCache {
  const cache = createCredentialCache<KeyEntry>(capacity, maxAgeMs);
  const limited = createLimiter(CONCURRENT_LOADS);

  async function read(hash: string): Promise<KeyEntry> {
    const loaded = await loadKeyByHash(db, hash);
    if (!loaded) throw refuseCredential('unknown');
    return toEntry(loaded);
  }

  return { ...cache, load: (hash) => cache.load(hash, () => limited(() => read(hash))) };
}

/** Throws `credential_invalid` for a key that is not in force. The expiry is checked at every call, not here. */
function toEntry({ hash, key, owner, principalRoles }: LoadedKey): KeyEntry {
  const of = { keyId: key.id, principalId: key.owner.id };
  if (key.revokedAt !== null) throw refuseCredential('revoked', of);
  if (owner.status !== 'active') throw refuseCredential('owner_disabled', of);
  const restricted = key.roles.length > 0 || key.tools.length > 0;
  const caller: Caller = {
    tenantId: key.tenantId,
    principal: key.owner,
    agent: { kind: 'access_key', id: key.id, name: key.name },
    roles: principalRoles,
    ...(restricted ? { restriction: { roles: key.roles, tools: key.tools } } : {}),
  };
  return {
    hash: Buffer.from(hash, 'latin1'),
    // Every request of the key shares this object.
    caller: Object.freeze(caller),
    expiresAt: key.expiresAt,
    allows: key.cidrs.length === 0 ? null : compileCidrs(key.cidrs),
    stale: false,
    used: false,
  };
}
