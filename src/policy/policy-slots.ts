import { createLru } from '../lib/lru.ts';
import type { CedarRuntime } from './cedar-runtime.ts';

export interface PolicySlots {
  /**
   * The id under which Cedar has the policies of `text` prepared; it calls them `policy0`, `policy1` and so on, in the
   * order of the text.
   * @param key equal for equal texts, until `clear`
   * @throws what Cedar throws, or that it cannot read the text
   */
  prepare(key: string, text: () => string): string;
  clear(): void;
}

/** Policy sets that are prepared at once. */
const SLOTS = 32;

/**
 * Policy sets under a fixed few ids that are used over and over, because Cedar frees a prepared set only when another takes
 * its id: sets under new ids would pile up (300 reloads of 1,000 policies held 486 MB).
 */
export function createPolicySlots(runtime: CedarRuntime): PolicySlots {
  const prepared = createLru<string, string>(SLOTS);
  let free: string[] = [];
  let instance = -1;

  function clear(): void {
    prepared.clear();
    free = Array.from({ length: SLOTS }, (_, slot) => `slot${slot}`);
    instance = runtime.instance;
  }

  function takeId(): string {
    const id = free.pop();
    if (id !== undefined) return id;
    const [oldest, taken] = prepared.entries().next().value!;
    prepared.delete(oldest);
    return taken;
  }

  return {
    clear,
    prepare(key, text) {
      if (instance !== runtime.instance) clear();
      const known = prepared.get(key);
      if (known !== undefined) return known;
      const id = takeId();
      const answer = runtime.run((cedar) => cedar.preparsePolicySet(id, { staticPolicies: text() }));
      if (answer.type === 'failure') {
        free.push(id);
        throw new Error(`Cedar cannot read the policies: ${answer.errors.map((error) => error.message).join('; ')}`);
      }
      prepared.set(key, id);
      return id;
    },
  };
}
