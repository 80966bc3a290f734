import { timingSafeEqual } from 'node:crypto';
import { sha256Hex } from '../lib/sha256.ts';
import type { Caller } from '../model/principal.ts';
import type { Database } from '../store/database.ts';
import { touchAccessKeys } from '../store/touch-access-keys.ts';
import { parseAccessKey } from './access-key-format.ts';
import { refuseCredential } from './credential-refusal.ts';
import { createKeyCache, type KeyEntry } from './key-cache.ts';

const DEFAULT_CACHE_SIZE = 20_000;
/** What another process changes in the database without telling us is seen after this time at the latest. */
const DEFAULT_MAX_AGE_MS = 60_000;

export interface Revoked {
  readonly kind: 'access_key' | 'principal';
  readonly id: string;
}

/**
 * Who calls, by access key. Loaded keys stay in memory; whatever changes a key, its owner or their roles must say so here,
 * after the change is committed. `revoke…` also ends what is under way, `invalidate…` only reads anew at the next call.
 */
export interface KeyVerifier {
  /**
   * Whose key this is; at once for a key in memory, otherwise a promise. Throws (or rejects with) `credential_invalid` for
   * every kind of invalid key, `address_not_allowed` for a good key from outside its networks; the `cause` is a
   * CredentialRefusal with the precise reason. `address` is the client's IP address as text.
   *
   * Between the end of a load and the code that awaits it lies one turn of the microtask queue, in which a revocation can
   * happen. Where that counts (who opens a stream that `onRevoked` is to end), call `verify` again when the promise has
   * resolved, until it answers at once.
   */
  verify(key: string, address: string): Caller | Promise<Caller>;
  /** The key was revoked. */
  revokeKey(keyId: string): void;
  /** The principal was disabled or removed. */
  revokePrincipal(principalId: string): void;
  /** The key was changed: its expiry, networks, tools or roles. */
  invalidateKey(keyId: string): void;
  /** The principal was renamed, enabled, or its roles changed. */
  invalidatePrincipal(principalId: string): void;
  /** Anything may have changed: a group, a role, many keys. */
  invalidateAll(): void;
  /** Called at every `revokeKey` and `revokePrincipal`, to end open streams. Returns a function that stops it. */
  onRevoked(listener: (revoked: Revoked) => void): () => void;
  /** Writes which keys were used since the last time; call it about once a minute. */
  flushLastUsed(): Promise<void>;
  /** How many keys are in memory, and how many are being loaded. */
  stats(): { readonly cached: number; readonly loading: number };
}

/**
 * `cacheSize`: keys in memory. `maxAgeMs`: how long one is used without reading it anew. `now`: wall clock in
 * milliseconds, for expiry.
 *
 * Only good keys are kept, and one load serves everybody who waits for the same key: a flood of unknown keys costs one
 * indexed query each and neither grows the memory nor pushes out a good key.
 */
export function createKeyVerifier({
  db,
  cacheSize = DEFAULT_CACHE_SIZE,
  maxAgeMs = DEFAULT_MAX_AGE_MS,
  now = Date.now,
}: {
  db: Database;
  cacheSize?: number | undefined;
  maxAgeMs?: number | undefined;
  now?: (() => number) | undefined;
}): KeyVerifier {
  const cache = createKeyCache(db, cacheSize, maxAgeMs);
  const listeners = new Set<(revoked: Revoked) => void>();
  let used = new Set<KeyEntry>();

  function verify(key: string, address: string): Caller | Promise<Caller> {
    // What is in memory was a key when it was loaded: its form and checksum need no second look.
    const hash = sha256Hex(key);
    const entry = cache.get(hash);
    if (entry) return admit(entry, hash, address);
    if (parseAccessKey(key) === null) throw refuseCredential('malformed');
    // Something may have changed between the end of the load and this turn.
    return cache.load(hash).then((loaded) => (loaded.stale ? verify(key, address) : admit(loaded, hash, address)));
  }

  /** What can become wrong for a key in memory is checked at every call, whether it was just loaded or not. */
  function admit(entry: KeyEntry, hash: string, address: string): Caller {
    const of = { keyId: entry.caller.agent.id, principalId: entry.caller.principal.id };
    // The hash is a map key and a database index; comparing the whole once more costs little and makes a mix-up impossible.
    if (!timingSafeEqual(entry.hash, Buffer.from(hash, 'latin1'))) throw refuseCredential('unknown');
    if (entry.expiresAt !== null && now() >= entry.expiresAt) throw refuseCredential('expired', of);
    if (entry.allows !== null && !entry.allows(address)) throw refuseCredential('address_not_allowed', of);
    if (!entry.used) {
      entry.used = true;
      used.add(entry);
    }
    return entry.caller;
  }

  function revoke(revoked: Revoked): void {
    cache.drop(revoked.id);
    for (const listener of listeners) listener(revoked);
  }

  async function flushLastUsed(): Promise<void> {
    const flushed = used;
    used = new Set();
    const at = now();
    for (const entry of flushed) entry.used = false;
    try {
      for (const [tenantId, entries] of Map.groupBy(flushed, (entry) => entry.caller.tenantId)) {
        await touchAccessKeys(db, { tenantId, ids: entries.map((entry) => entry.caller.agent.id), at });
      }
    } catch (error) {
      for (const entry of flushed) used.add(entry);
      throw error;
    }
  }

  return {
    verify,
    revokeKey: (id) => revoke({ kind: 'access_key', id }),
    revokePrincipal: (id) => revoke({ kind: 'principal', id }),
    invalidateKey: cache.drop,
    invalidatePrincipal: cache.drop,
    invalidateAll: cache.dropAll,
    onRevoked(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    flushLastUsed,
    stats: cache.stats,
  };
}
