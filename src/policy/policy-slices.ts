import { createLru } from '../lib/lru.ts';
import type { Decision, Target } from '../model/decision.ts';
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

/** Finds the slices of one set of roles. */
export type RoleSlices = (target: Pick<Target, 'kind' | 'upstream'>) => Slice;

const MAX_ROLE_SETS = 64;
/** Of one set of roles. There are as many as upstreams times kinds, unless somebody makes up names of upstreams. */
const MAX_SLICES = 4096;

/** Slices of one immutable list of policies. Bounded: what was forgotten is worked out again. */
export function createSlices(policies: readonly Policy[]): (roles: readonly string[]) => RoleSlices {
  const forRole = new Map<string, number[]>();
  const forAnyRole: number[] = [];
  for (const [position, { role }] of policies.entries()) {
    if (role === undefined) forAnyRole.push(position);
    else if (!forRole.get(role)?.push(position)) forRole.set(role, [position]);
  }
  const known = createLru<string, RoleSlices>(MAX_ROLE_SETS);

  function slicesOf(roles: readonly string[]): RoleSlices {
    const ofRoles = [...forAnyRole, ...[...new Set(roles)].flatMap((role) => forRole.get(role) ?? [])];
    const slices = new Map<string, Slice>();
    return ({ kind, upstream }) => {
      const question = `${kind} ${upstream}`;
      const found = slices.get(question);
      if (found !== undefined) return found;
      const positions = ofRoles.filter((position) => {
        const policy = policies[position]!;
        return policy.kinds.includes(kind) && (policy.upstream === undefined || policy.upstream === upstream);
      });
      const chosen = positions.map((position) => policies[position]!);
      const mentioned = new Set(chosen.flatMap((policy) => policy.mentionedRoles));
      const slice: Slice = {
        key: positions.join(),
        policies: chosen,
        roles: roles.filter((role) => mentioned.has(role)),
        answers: chosen.some((policy) => policy.readsName) ? null : new Map(),
      };
      if (slices.size >= MAX_SLICES) slices.clear();
      slices.set(question, slice);
      return slice;
    };
  }

  return (roles) => {
    const key = JSON.stringify(roles);
    let slices = known.get(key);
    if (slices === undefined) {
      slices = slicesOf(roles);
      known.set(key, slices);
    }
    return slices;
  };
}
