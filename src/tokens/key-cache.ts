import { compileCidrs } from '../lib/cidr.ts';
import { createLimiter } from '../lib/limiter.ts';
import { createLru } from '../lib/lru.ts';
import type { Caller } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { type LoadedKey, loadKeyByHash } from '../store/load-key-by-hash.ts';
import { refuseCredential } from './credential-refusal.ts';

/** A flood of unknown keys waits in line here and not at the database, where everybody else would wait behind it. */
const CONCURRENT_LOADS = 4;

/** A key that was in force when it was loaded. */
export interface KeyEntry {
  /** SHA-256 of the key, as the bytes of its hex text. */
  readonly hash: Buffer;
  readonly caller: Caller;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number | null;
  /** Null: from anywhere. */
  readonly allows: ((address: string) => boolean) | null;
  /** Something changed since: it must be loaded anew. */
  stale: boolean;
  /** Since the last time that uses were written down. */
  used: boolean;
}

/** Keys in memory, by the hex SHA-256 of the whole key. */
export interface KeyCache {
  /** Undefined when it is not in memory or too old. */
  get(hash: string): KeyEntry | undefined;
  /** Reads the key; one load serves all who wait. Rejects with `credential_invalid` when it is not in force. */
  load(hash: string): Promise<KeyEntry>;
  /** Drops the key with this id, or all keys of the principal with this id. */
  drop(id: string): void;
  dropAll(): void;
  stats(): { readonly cached: number; readonly loading: number };
}

interface Flight {
  readonly entry: Promise<KeyEntry>;
  /** What changed since the load began: the loaded state may be from before that. */
  readonly changed: Set<string>;
}

/** Stands for every id in `Flight.changed`. */
const EVERYTHING = '*';

/** Only good keys are kept, so that no flood of bad ones can grow the memory or push out a good one. */
export function createKeyCache(db: Database, capacity: number, maxAgeMs: number): KeyCache {
  const entries = createLru<string, { readonly entry: KeyEntry; readonly loadedAt: number }>(capacity);
  const flights = new Map<string, Flight>();
  const limited = createLimiter(CONCURRENT_LOADS);

  async function read(hash: string, changed: Set<string>): Promise<KeyEntry> {
    for (;;) {
      const loaded = await loadKeyByHash(db, hash);
      if (!loaded) throw refuseCredential('unknown');
      if ([EVERYTHING, loaded.key.id, loaded.key.owner.id].some((id) => changed.has(id))) {
        changed.clear();
        continue;
      }
      const entry = toEntry(loaded);
      entries.set(hash, { entry, loadedAt: performance.now() });
      return entry;
    }
  }

  function dropWhere(matches: (caller: Caller) => boolean, id: string): void {
    for (const [hash, { entry }] of entries.entries()) {
      if (!matches(entry.caller)) continue;
      entry.stale = true;
      entries.delete(hash);
    }
    for (const flight of flights.values()) flight.changed.add(id);
  }

  return {
    get(hash) {
      const cached = entries.get(hash);
      return cached && performance.now() - cached.loadedAt < maxAgeMs ? cached.entry : undefined;
    },
    load(hash) {
      const underWay = flights.get(hash);
      if (underWay) return underWay.entry;
      const changed = new Set<string>();
      const entry = limited(() => read(hash, changed)).finally(() => flights.delete(hash));
      flights.set(hash, { entry, changed });
      return entry;
    },
    drop: (id) => dropWhere(({ agent, principal }) => agent.id === id || principal.id === id, id),
    dropAll: () => dropWhere(() => true, EVERYTHING),
    stats: () => ({ cached: entries.size, loading: flights.size }),
  };
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
