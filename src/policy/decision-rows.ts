import type { PrimitiveKind } from '../model/catalogue.ts';
import type { Decision, Target } from '../model/decision.ts';

/** Yes or no, with the reason once somebody asked for it. */
export type Cell = boolean | Decision;

export interface Row {
  /** By upstream, then by kind and annotations (columnOf), then by name. */
  readonly upstreams: Map<string, Map<string, Cell>[]>;
  readonly key: string;
  cells: number;
  usedAt: number;
  /** The row was dropped; whoever still holds it must look again. */
  dropped: boolean;
}

export interface RowLimits {
  /** Sets of roles that are remembered; the least recently used one leaves. */
  readonly rows: number;
  /** Answers that are remembered over all rows, about 150 bytes each. */
  readonly cells: number;
}

/** Longer names are not kept: a client may ask for any URI, and must not fill the memory with what it makes up. */
const MAX_KEPT_NAME = 256;

const KIND_COLUMN: Readonly<Record<PrimitiveKind, number>> = { tool: 0, prompt: 4, resource: 8 };
const COLUMNS = 12;

/** Annotations are part of the question: an upstream that changes them gets a new answer. */
const columnOf = ({ kind, readOnly, destructive }: Target): number =>
  KIND_COLUMN[kind] + (readOnly ? 2 : 0) + (destructive ? 1 : 0);

export const cellAt = (row: Row, target: Target): Cell | undefined =>
  row.upstreams.get(target.upstream)?.[columnOf(target)]?.get(target.name);

/** The memory of the decision table: a row for each set of roles, within limits. */
export function createDecisionRows(limits: RowLimits) {
  const rows = new Map<string, Row>();
  /** A verified key keeps its array of roles, so that its row is found without building a key. */
  const rowOfArray = new WeakMap<readonly string[], Row>();
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

  return {
    rowFor,
    put,
    clear(): void {
      for (const row of rows.values()) drop(row);
    },
    get size() {
      return { rows: rows.size, cells };
    },
  };
}
