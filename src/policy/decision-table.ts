import type { Decision, Target } from '../model/decision.ts';
import type { Caller } from '../model/principal.ts';
import { printable } from './cedar-text.ts';
import { type Cell, cellAt, createDecisionRows, type Row, type RowLimits } from './decision-rows.ts';
import { filterCovers } from './key-restriction.ts';
import type { PolicyEngine } from './policy-engine.ts';

/**
 * What Cedar decided, by set of roles and target, filled as it is asked for. Every cell is final, because no policy can
 * read the arguments of a call; one that could would make a third kind of cell, `depends`, beside yes and no: `isAllowed`
 * and `allowedOf` would list it, and `decide`, given the arguments, would ask Cedar each time.
 *
 * Arrays of roles and restrictions are recognised by identity, so they must not be changed after they were passed here.
 */
export interface DecisionTable {
  /** Whether it is listed: always what `decide` says. Warm, about 0.1 µs. */
  isAllowed(caller: Caller, target: Target): boolean;
  /** Those of the targets that are allowed, in their order. Much faster than one by one when they are new to the table. */
  allowedOf<T extends Target>(caller: Caller, targets: readonly T[]): T[];
  /**
   * The principal's roles decide first; a key can then only take away. With key roles, those must allow the target too;
   * with a tool filter, a glob must match. So a key never has more than its owner, and an empty intersection stays empty.
   */
  decide(caller: Caller, target: Target): Decision;
  /** The part of the decision that these roles alone make. */
  decideForRoles(roles: readonly string[], target: Target): Decision;
  readonly size: { readonly rows: number; readonly cells: number };
}

const isYes = (cell: Cell): boolean => (typeof cell === 'boolean' ? cell : cell.allowed);

export function createDecisionTable(
  engine: PolicyEngine,
  limits: RowLimits = { rows: 512, cells: 250_000 },
): DecisionTable {
  const memory = createDecisionRows(limits);
  let generation = engine.generation;

  function rowFor(roles: readonly string[]): Row {
    if (generation !== engine.generation) {
      memory.clear();
      generation = engine.generation;
    }
    return memory.rowFor(roles);
  }

  function decideForRoles(roles: readonly string[], target: Target): Decision {
    const row = rowFor(roles);
    const cell = cellAt(row, target);
    if (typeof cell === 'object') return cell;
    const decision = engine.decide(roles, target);
    memory.put(row, target, decision);
    return decision;
  }

  function rolesAllow(roles: readonly string[], target: Target): boolean {
    const cell = cellAt(rowFor(roles), target);
    return cell === undefined ? decideForRoles(roles, target).allowed : isYes(cell);
  }

  function thatRolesAllow<T extends Target>(roles: readonly string[], targets: readonly T[]): T[] {
    const row = rowFor(roles);
    const known = targets.map((target) => cellAt(row, target));
    const unknown = targets.filter((_, position) => known[position] === undefined);
    const answers = unknown.length === 0 ? [] : engine.allowed(roles, unknown);
    let next = 0;
    return targets.filter((target, position) => {
      const cell = known[position];
      if (cell !== undefined) return isYes(cell);
      const answer = answers[next++]!;
      memory.put(row, target, answer);
      return answer;
    });
  }

  return {
    decideForRoles,
    isAllowed(caller, target) {
      if (!rolesAllow(caller.roles, target)) return false;
      const { restriction } = caller;
      if (restriction === undefined) return true;
      if (restriction.roles.length > 0 && !rolesAllow(restriction.roles, target)) return false;
      return filterCovers(restriction, target);
    },
    allowedOf(caller, targets) {
      const own = thatRolesAllow(caller.roles, targets);
      const { restriction } = caller;
      if (restriction === undefined) return own;
      const covered = own.filter((target) => filterCovers(restriction, target));
      return restriction.roles.length === 0 ? covered : thatRolesAllow(restriction.roles, covered);
    },
    decide(caller, target) {
      const own = decideForRoles(caller.roles, target);
      const { restriction } = caller;
      if (!own.allowed || restriction === undefined) return own;
      let rules = own.rules;
      if (restriction.roles.length > 0) {
        const narrowed = decideForRoles(restriction.roles, target);
        if (!narrowed.allowed) return { ...narrowed, reason: keyDenies(caller, narrowed.reason) };
        rules = [...new Set([...rules, ...narrowed.rules])];
      }
      if (!filterCovers(restriction, target))
        return { allowed: false, reason: keyDenies(caller, 'its tool filter does not cover it'), rules: [] };
      return rules === own.rules ? own : { ...own, rules };
    },
    get size() {
      return memory.size;
    },
  };
}

const keyDenies = ({ agent }: Caller, why: string): string =>
  `the access key ${printable(agent.name)} is limited: ${why}`;
