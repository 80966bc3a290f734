/** One page of a list: pass `next` as `after` to get the following one. */
export interface Page<T> {
  readonly items: readonly T[];
  /** Null on the last page. */
  readonly next: string | null;
}

/**
 * What every list function takes. Lists are ordered by their key (id or name), so an item that exists throughout is
 * seen exactly once, whatever is added or removed between two pages.
 */
export interface PageRequest {
  readonly tenantId: string;
  /** The `next` of the page before. Absent or null: from the start. */
  readonly after?: string | null | undefined;
  /** Most items to return; at least 1. The query asks for one more, to know whether a page follows. */
  readonly limit: number;
}

/** Makes a page of the `limit + 1` (or fewer) rows that a query returned. */
export function toPage<R, T>(
  rows: readonly R[],
  limit: number,
  toItem: (row: R) => T,
  keyOf: (item: T) => string,
): Page<T> {
  const items = rows.slice(0, limit).map(toItem);
  return { items, next: rows.length > limit ? keyOf(items.at(-1)!) : null };
}
