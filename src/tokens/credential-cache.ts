import { createLru } from '../lib/lru.ts';
import type { Caller } from '../model/principal.ts';

/** A credential that was good when it was loaded. */
export interface CachedCredential {
  readonly caller: Caller;
  /** Something changed since: it must be loaded anew. */
  stale: boolean;
}

/** Credentials in memory, by the hex SHA-256 of the whole text (CVE-2026-35039: a part of it mixes up callers). */
export interface CredentialCache<E extends CachedCredential> {
  /** Undefined when it is not in memory or too old. */
  get(hash: string): E | undefined;
  /**
   * Reads the credential; one load serves all who wait. `read` rejects for one that is not good, and is called again when
   * something that the credential depends on changed meanwhile.
   */
  load(hash: string, read: () => Promise<E>): Promise<E>;
  /** Drops what this id names: a key, a client, a grant, or everything of a principal. */
  drop(id: string): void;
  dropAll(): void;
  stats(): { readonly cached: number; readonly loading: number };
}

interface Flight<E> {
  readonly entry: Promise<E>;
  /** What changed since the load began: the loaded state may be from before that. */
  readonly changed: Set<string>;
}

interface Slot<E> {
  readonly entry: E;
  readonly loadedAt: number;
}

/** Stands for every id in `Flight.changed`. */
const EVERYTHING = '*';

/** Only good credentials are kept, so that no flood of bad ones can grow the memory or push out a good one. */
export function createCredentialCache<E extends CachedCredential>(
  capacity: number,
  maxAgeMs: number,
): CredentialCache<E> {
  const entries = createLru<string, Slot<E>>(capacity);
  const flights = new Map<string, Flight<E>>();

  async function fill(hash: string, read: () => Promise<E>, changed: Set<string>): Promise<E> {
    for (;;) {
      changed.clear();
      try {
        const entry = await read();
        if (changed.has(EVERYTHING) || changed.values().some((id) => isOf(entry.caller, id))) continue;
        entries.set(hash, { entry, loadedAt: performance.now() });
        return entry;
      } catch (error) {
        // What was refused may be good since: its principal was enabled, for instance.
        if (changed.size === 0) throw error;
      }
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
      const slot = entries.get(hash);
      return slot === undefined || performance.now() - slot.loadedAt >= maxAgeMs ? undefined : slot.entry;
    },
    load(hash, read) {
      const underWay = flights.get(hash);
      if (underWay) return underWay.entry;
      const changed = new Set<string>();
      const entry = fill(hash, read, changed).finally(() => flights.delete(hash));
      flights.set(hash, { entry, changed });
      return entry;
    },
    drop: (id) => dropWhere((caller) => isOf(caller, id), id),
    dropAll: () => dropWhere(() => true, EVERYTHING),
    stats: () => ({ cached: entries.size, loading: flights.size }),
  };
}

const isOf = ({ agent, principal, grant }: Caller, id: string): boolean =>
  agent.id === id || principal.id === id || grant?.id === id;
