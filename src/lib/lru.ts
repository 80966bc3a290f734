/** A map that holds at most `capacity` entries and forgets the one that was not used for the longest time. */
export interface Lru<K, V> {
  readonly size: number;
  /** Makes the entry the most recently used one. */
  get(key: K): V | undefined;
  /** Adds or replaces; returns the value that had to leave for it, if any. */
  set(key: K, value: V): V | undefined;
  /** Returns whether there was such an entry. */
  delete(key: K): boolean;
  clear(): void;
  /** From the least to the most recently used; does not count as use. Entries may be deleted while iterating. */
  entries(): IterableIterator<[K, V]>;
}

/** @param capacity entries; at least 1. Values must not be `undefined`, which means "not there". */
export function createLru<K, V>(capacity: number): Lru<K, V> {
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new RangeError(`An LRU needs a capacity of at least 1, not ${capacity}.`);
  // A Map iterates in insertion order, so that re-inserting on use keeps the oldest entry at the front.
  const map = new Map<K, V>();
  return {
    get size() {
      return map.size;
    },
    get(key) {
      const value = map.get(key);
      if (value === undefined) return undefined;
      map.delete(key);
      map.set(key, value);
      return value;
    },
    set(key, value) {
      map.delete(key);
      map.set(key, value);
      if (map.size <= capacity) return undefined;
      const [oldest, evicted] = map.entries().next().value!;
      map.delete(oldest);
      return evicted;
    },
    delete: (key) => map.delete(key),
    clear: () => map.clear(),
    entries: () => map.entries(),
  };
}
