import type { Decision, Target } from '../model/decision.ts';
import { ADMIN_ROLES, type Caller } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import type { DecisionTable } from './decision-table.ts';
import { filterCovers } from './key-restriction.ts';
import { narrowestFirst, type RoleThatWouldAllow } from './narrowest-first.ts';
import type { PolicyEngine } from './policy-engine.ts';

/** Everything that led to a decision, for `policy explain`. For operators: it names rules that a caller must not see. */
export interface Explanation {
  readonly decision: Decision;
  /** What was checked, in this order; a target is allowed when all passed. Later checks only ever take away. */
  readonly checks: readonly {
    readonly check: 'roles' | 'key roles' | 'key tools';
    readonly passed: boolean;
    readonly reason: string;
  }[];
  /** The rules that determined the decision, as Cedar sees them. */
  readonly rules: readonly {
    readonly id: string;
    readonly effect: 'permit' | 'forbid';
    readonly reason: string;
    readonly cedar: string;
  }[];
  /** Roles of the caller or its key that nothing defines: they allow nothing. */
  readonly unknownRoles: readonly string[];
  /**
   * For a deny: the roles each of which, given to the principal as well, would make its roles allow the target. The one
   * that allows the least comes first.
   */
  readonly rolesThatWouldAllow: readonly RoleThatWouldAllow[];
  /** Where nothing allows the target and nothing denies it: a role, not there yet, that would allow it and nothing else. */
  readonly newRole: Pick<Role, 'name' | 'allow'> | null;
}

/**
 * Asks Cedar once more for every role that exists, outside the table: some milliseconds.
 * @param existing what there is to call, for the order of the suggested roles
 */
export function explain(
  engine: PolicyEngine,
  table: DecisionTable,
  caller: Caller,
  target: Target,
  existing: readonly Target[] = [],
): Explanation {
  const { roles, restriction } = caller;
  const own = table.decideForRoles(roles, target);
  const checks: Explanation['checks'][number][] = [{ check: 'roles', passed: own.allowed, reason: own.reason }];
  if (restriction !== undefined && restriction.roles.length > 0) {
    const narrowed = table.decideForRoles(restriction.roles, target);
    checks.push({ check: 'key roles', passed: narrowed.allowed, reason: narrowed.reason });
  }
  if (restriction !== undefined && restriction.tools.length > 0) {
    const passed = filterCovers(restriction, target);
    const reason = `${target.upstream}__${target.name} ${passed ? 'matches' : 'matches none of'} ${restriction.tools.join(', ')}`;
    checks.push({ check: 'key tools', passed, reason });
  }
  const decision = table.decide(caller, target);
  const defined = new Set([...engine.roles, ...ADMIN_ROLES]);
  const missing = own.allowed ? [] : engine.roles.filter((role) => !roles.includes(role));
  return {
    decision,
    checks,
    rules: decision.rules
      .flatMap((id) => engine.policy(id) ?? [])
      .map(({ id, effect, reason, cedar }) => ({ id, effect, reason, cedar })),
    unknownRoles: [...roles, ...(restriction?.roles ?? [])].filter((role) => !defined.has(role)),
    rolesThatWouldAllow: narrowestFirst(
      engine,
      missing.filter((role) => engine.decide([...roles, role].sort(), target).allowed),
      target,
      existing,
    ),
    // A rule that denies wins over whatever a new role allows.
    newRole: own.allowed || own.rules.length > 0 ? null : roleFor(target, defined),
  };
}

const RULE_KEY = { tool: 'tools', prompt: 'prompts', resource: 'resources' } as const;

function roleFor({ upstream, kind, name }: Target, taken: ReadonlySet<string>): Pick<Role, 'name' | 'allow'> {
  const base = `${upstream}-${name}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 56);
  let free = base;
  for (let number = 2; taken.has(free); number++) free = `${base}-${number}`;
  return { name: free, allow: [{ upstream, [RULE_KEY[kind]]: [name] }] };
}
