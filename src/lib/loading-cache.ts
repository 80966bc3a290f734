import { createLru } from './lru.ts';

/** What was loaded once, in memory until it is told that it changed. Many who ask at once share one load. */
export interface LoadingCache<V> {
  /** The value; at once when it is in memory. A load that fails is not remembered. */
  get(key: string, load: () => Promise<V>): V | Promise<V>;
  /**
   * Forgets the value. A load that is under way still answers those who wait for it, but what it brings is not kept and
   * nobody who asks from now on gets it: it may be from before the change.
   */
  delete(key: string): void;
  clear(): void;
}

/** @param capacity values in memory; the one that was not used for the longest time leaves. `undefined` is no value. */
export function createLoadingCache<V>(capacity: number): LoadingCache<V> {
  const values = createLru<string, V>(capacity);
  const loading = new Map<string, Promise<V>>();

  function start(key: string, load: () => Promise<V>): Promise<V> {
    const flight: Promise<V> = load().then(
      (value) => {
        if (loading.get(key) === flight) {
          loading.delete(key);
          values.set(key, value);
        }
        return value;
      },
      (error) => {
        if (loading.get(key) === flight) loading.delete(key);
        throw error;
      },
    );
    loading.set(key, flight);
    return flight;
  }

  return {
    get(key, load) {
      const value = values.get(key);
      if (value !== undefined) return value;
      return loading.get(key) ?? start(key, load);
    },
    delete(key) {
      values.delete(key);
      loading.delete(key);
    },
    clear() {
      values.clear();
      loading.clear();
    },
  };
}
