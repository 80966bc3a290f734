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

interface Node<K, V> {
  readonly key: K;
  value: V;
  older: Node<K, V> | null;
  newer: Node<K, V> | null;
}

/**
 * The order of use is a list of its own. In the order of the map it would change with every use, and a map finds an entry
 * that was often moved behind thousands of its former places.
 *
 * @param capacity entries; at least 1. Values must not be `undefined`, which means "not there".
 */
export function createLru<K, V>(capacity: number): Lru<K, V> {
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new RangeError(`An LRU needs a capacity of at least 1, not ${capacity}.`);
  const nodes = new Map<K, Node<K, V>>();
  let oldest: Node<K, V> | null = null;
  let newest: Node<K, V> | null = null;

  function append(node: Node<K, V>): void {
    node.older = newest;
    node.newer = null;
    if (newest === null) oldest = node;
    else newest.newer = node;
    newest = node;
  }

  function detach({ older, newer }: Node<K, V>): void {
    if (older === null) oldest = newer;
    else older.newer = newer;
    if (newer === null) newest = older;
    else newer.older = older;
  }

  function use(node: Node<K, V>): void {
    if (node === newest) return;
    detach(node);
    append(node);
  }

  function remove(node: Node<K, V>): void {
    nodes.delete(node.key);
    detach(node);
  }

  return {
    get size() {
      return nodes.size;
    },
    get(key) {
      const node = nodes.get(key);
      if (node === undefined) return undefined;
      use(node);
      return node.value;
    },
    set(key, value) {
      const known = nodes.get(key);
      if (known !== undefined) {
        known.value = value;
        use(known);
        return undefined;
      }
      const node = { key, value, older: null, newer: null };
      nodes.set(key, node);
      append(node);
      if (nodes.size <= capacity) return undefined;
      const evicted = oldest!;
      remove(evicted);
      return evicted.value;
    },
    delete(key) {
      const node = nodes.get(key);
      if (node === undefined) return false;
      remove(node);
      return true;
    },
    clear() {
      nodes.clear();
      oldest = null;
      newest = null;
    },
    *entries() {
      // What follows is looked up after the turn of whoever iterates: it may be gone by then.
      for (let node = oldest; node !== null; node = node.newer) yield [node.key, node.value];
    },
  };
}
