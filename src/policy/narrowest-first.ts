import type { Target } from '../model/decision.ts';
import type { PolicyEngine } from './policy-engine.ts';

export interface RoleThatWouldAllow {
  readonly role: string;
  /** Written for all upstreams and all that they offer, so that it allows far more than what was asked for. */
  readonly everything: boolean;
}

/** No upstream and no primitive has such a name; what allows it was written for more than what exists. */
const NOBODYS = 'no-such-name-5e0c9b';

/** Each takes some 20 µs, in which no call is served. */
const MAX_QUESTIONS = 4000;

/**
 * The roles in order of what each allows beside the target: the fewest of what exists now first, then the fewest of what
 * could exist, so that a role for one upstream comes before one for all also while there is only one.
 *
 * @param existing the more important first: with many roles, not all of them are looked at
 */
export function narrowestFirst(
  engine: PolicyEngine,
  roles: readonly string[],
  target: Target,
  existing: readonly Target[],
): RoleThatWouldAllow[] {
  const elsewhere = inventedAt(NOBODYS);
  const possible = [...inventedAt(target.upstream), ...elsewhere];
  const compared = existing.slice(0, Math.ceil(MAX_QUESTIONS / roles.length));
  const count = (role: string, targets: readonly Target[]) => engine.allowed([role], targets).filter(Boolean).length;
  return roles
    .map((role) => ({
      role,
      now: count(role, compared),
      later: count(role, possible),
      everything: count(role, elsewhere) === elsewhere.length,
    }))
    .sort((a, b) => a.now - b.now || a.later - b.later || (a.role < b.role ? -1 : 1))
    .map(({ role, everything }) => ({ role, everything }));
}

/** One primitive of every kind, and tools of every annotation. */
function inventedAt(upstream: string): Target[] {
  const plain = { upstream, name: NOBODYS, readOnly: false, destructive: false };
  return [
    { ...plain, kind: 'tool' },
    { ...plain, kind: 'tool', readOnly: true },
    { ...plain, kind: 'tool', destructive: true },
    { ...plain, kind: 'prompt' },
    { ...plain, kind: 'resource' },
  ];
}
