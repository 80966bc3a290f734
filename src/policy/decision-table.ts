import type { PrimitiveKind } from '../model/catalogue.ts';
import type { Decision, Target } from '../model/decision.ts';
import type { Caller } from '../model/principal.ts';
import { printable } from './cedar-text.ts';
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

/** Yes or no, with the reason once somebody asked for it. */
type Cell = boolean | Decision;

const isYes = (cell: Cell): boolean => (typeof cell === 'boolean' ? cell : cell.allowed);

interface Row {
  /** By upstream, then by kind and annotations (columnOf), then by name. */
  readonly upstreams: Map<string, Map<string, Cell>[]>;
  readonly key: string;
  cells: number;
  usedAt: number;
  /** The row was dropped; whoever still holds it must look again. */
  dropped: boolean;
}

/**
 * Longer names are decided anew each time: a client may ask for any URI, and must not fill the memory with what it makes up.
 */
const MAX_KEPT_NAME = 256;

const KIND_COLUMN: Readonly<Record<PrimitiveKind, number>> = { tool: 0, prompt: 4, resource: 8 };
const COLUMNS = 12;

/** Annotations are part of the question: an upstream that changes them gets a new answer. */
const columnOf = ({ kind, readOnly, destructive }: Target): number =>
  KIND_COLUMN[kind] + (readOnly ? 2 : 0) + (destructive ? 1 : 0);

/**
 * @param limits.rows sets of roles that are remembered; the least recently used one leaves
 * @param limits.cells answers that are remembered over all rows, about 100 bytes each
 */
export function createDecisionTable(engine: PolicyEngine, limits = { rows: 512, cells: 250_000 }): DecisionTable {
  const rows = new Map<string, Row>();
  /** A verified key keeps its array of roles, so that its row is found without building a key. */
  const rowOfArray = new WeakMap<readonly string[], Row>();
  let generation = engine.generation;
  let cells = 0;
  let clock = 0;

  function drop(row: Row): void {
    row.dropped = true;
    rows.delete(row.key);
    cells -= row.cells;
  }

  function dropOldest(except?: Row): void {
    let oldest: Row | undefined;
    for (const row of rows.values())
      if (row !== except && (oldest === undefined || row.usedAt < oldest.usedAt)) oldest = row;
    if (oldest !== undefined) drop(oldest);
  }

  function rowFor(roles: readonly string[]): Row {
    if (generation !== engine.generation) {
      for (const row of rows.values()) drop(row);
      generation = engine.generation;
    }
    let row = rowOfArray.get(roles);
    if (row === undefined || row.dropped) {
      const key = JSON.stringify(roles);
      row = rows.get(key);
      if (row === undefined) {
        if (rows.size >= limits.rows) dropOldest();
        row = { upstreams: new Map(), key, cells: 0, usedAt: 0, dropped: false };
        rows.set(key, row);
      }
      rowOfArray.set(roles, row);
    }
    row.usedAt = ++clock;
    return row;
  }

  function put(row: Row, target: Target, cell: Cell): void {
    if (target.name.length > MAX_KEPT_NAME) return;
    if (cells >= limits.cells && rows.size > 1) dropOldest(row);
    if (cells >= limits.cells) {
      cells -= row.cells;
      row.cells = 0;
      row.upstreams.clear();
    }
    let columns = row.upstreams.get(target.upstream);
    if (columns === undefined) {
      columns = Array.from({ length: COLUMNS }, () => new Map<string, Cell>());
      row.upstreams.set(target.upstream, columns);
    }
    const column = columns[columnOf(target)]!;
    const before = column.size;
    column.set(target.name, cell);
    row.cells += column.size - before;
    cells += column.size - before;
  }

  const cellAt = (row: Row, target: Target): Cell | undefined =>
    row.upstreams.get(target.upstream)?.[columnOf(target)]?.get(target.name);

  function decideForRoles(roles: readonly string[], target: Target): Decision {
    const row = rowFor(roles);
    const cell = cellAt(row, target);
    if (typeof cell === 'object') return cell;
    const decision = engine.decide(roles, target);
    put(row, target, decision);
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
      put(row, target, answer);
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
      return { rows: rows.size, cells };
    },
  };
}

const keyDenies = ({ agent }: Caller, why: string): string =>
  `the access key ${printable(agent.name)} is limited: ${why}`;
