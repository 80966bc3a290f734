import { createLru } from '../lib/lru.ts';
import type { Decision, Target } from '../model/decision.ts';
import type { CedarRuntime } from './cedar-runtime.ts';
import type { Policy } from './compile-roles.ts';

/** The policies that can matter to a set of roles, a kind and an upstream. Asking these gives the answer of asking all. */
export interface Slice {
  /** Equal for slices with the same policies. */
  readonly key: string;
  readonly policies: readonly Policy[];
  /** Roles of the subject that one of the policies mentions: no policy could tell whether it has others. */
  readonly roles: readonly string[];
  /** Answers by annotations, when no policy reads the name: one question then answers for the whole upstream. */
  readonly answers: Map<string, Decision> | null;
}

const MAX_SLICES = 2048;

/** Finds slices of one immutable list of policies. Bounded: forgotten slices are found again. */
export function createSlices(policies: readonly Policy[]): (roles: readonly string[], target: Target) => Slice {
  const forRole = new Map<string, number[]>();
  const forAnyRole: number[] = [];
  for (const [position, { role }] of policies.entries()) {
    if (role === undefined) forAnyRole.push(position);
    else if (!forRole.get(role)?.push(position)) forRole.set(role, [position]);
  }
  const slices = createLru<string, Slice>(MAX_SLICES);
  return (roles, { kind, upstream }) => {
    const question = JSON.stringify([kind, upstream, ...roles]);
    const known = slices.get(question);
    if (known !== undefined) return known;
    const positions = [...forAnyRole, ...[...new Set(roles)].flatMap((role) => forRole.get(role) ?? [])].filter(
      (position) => {
        const policy = policies[position]!;
        return policy.kinds.includes(kind) && (policy.upstream === undefined || policy.upstream === upstream);
      },
    );
    const chosen = positions.map((position) => policies[position]!);
    const mentioned = new Set(chosen.flatMap((policy) => policy.mentionedRoles));
    const slice: Slice = {
      key: positions.join(),
      policies: chosen,
      roles: roles.filter((role) => mentioned.has(role)),
      answers: chosen.some((policy) => policy.readsName) ? null : new Map(),
    };
    slices.set(question, slice);
    return slice;
  };
}

/** Policy sets that Cedar keeps prepared at once. */
const SLOTS = 16;

/**
 * Prepares slices in Cedar and returns the id to ask them by; within a slice, Cedar calls the policies `policy0`, `policy1`
 * and so on. The ids are a fixed few that are used over and over, because Cedar frees a prepared set only when another takes
 * its id: sets under new ids would pile up.
 */
export function createSlots(runtime: CedarRuntime): { prepare(slice: Slice): string; clear(): void } {
  const prepared = createLru<string, string>(SLOTS);
  let instance = runtime.instance;
  const clear = () => prepared.clear();
  return {
    clear,
    prepare(slice) {
      if (instance !== runtime.instance) clear();
      instance = runtime.instance;
      const known = prepared.get(slice.key);
      if (known !== undefined) return known;
      const id = freeId(prepared);
      const text = slice.policies.map((policy) => policy.cedar).join('\n');
      const answer = runtime.run((cedar) => cedar.preparsePolicySet(id, { staticPolicies: text }));
      if (answer.type === 'failure')
        throw new Error(`Cedar refuses its own policies: ${answer.errors.map((error) => error.message).join('; ')}`);
      prepared.set(slice.key, id);
      return id;
    },
  };
}

/** An id that no prepared slice has, taken from the least recently used one if need be. */
function freeId(prepared: ReturnType<typeof createLru<string, string>>): string {
  if (prepared.size === SLOTS) {
    const [oldest] = prepared.entries().next().value!;
    prepared.delete(oldest);
  }
  const used = new Set([...prepared.entries()].map(([, id]) => id));
  return Array.from({ length: SLOTS }, (_, slot) => `slice${slot}`).find((id) => !used.has(id))!;
}
