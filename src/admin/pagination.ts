import * as z from 'zod';
import type { Page } from '../store/page.ts';

const MAX_LIMIT = 1000;
const DEFAULT_LIMIT = 100;

/** The place in a list, as text that clients pass back and do not look into. */
const encodeCursor = (after: string): string => Buffer.from(after, 'utf8').toString('base64url');

const CursorSchema = z
  .string()
  .max(400)
  .regex(/^[A-Za-z0-9_-]*$/, 'Pass the `nextCursor` of the page before as it is.')
  .transform((text) => Buffer.from(text, 'base64url').toString('utf8').replaceAll('\0', ''));

/** The query members of every list. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_LIMIT)
    .default(DEFAULT_LIMIT)
    .describe(`Most items on the page, up to ${MAX_LIMIT}.`),
  cursor: CursorSchema.optional().describe('`nextCursor` of the page before. Absent: the first page.'),
};

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** The schema of a page of these items. */
export const pageSchema = <T extends z.ZodType>(item: T) =>
  z.object({
    items: z.array(item),
    nextCursor: z.string().nullable().describe('`cursor` of the next page; null on the last one.'),
  });

export function toPageBody<T, V>(page: Page<T>, toView: (item: T) => V): { items: V[]; nextCursor: string | null } {
  return { items: page.items.map(toView), nextCursor: page.next === null ? null : encodeCursor(page.next) };
}

type LoadPage<T> = (page: { after: string | undefined; limit: number }) => Promise<Page<T>>;

/**
 * A page of the items that pass `keep`, for filters that the store has no query for. It reads on until the page is full
 * or the list ends, so a filter that few items pass reads the whole list.
 */
export async function filteredPage<T>(
  { limit, cursor }: PageQuery,
  load: LoadPage<T>,
  { keep, keyOf }: { keep: (item: T) => boolean; keyOf: (item: T) => string },
): Promise<Page<T>> {
  const items: T[] = [];
  let after = cursor;
  for (;;) {
    const page = await load({ after, limit: MAX_LIMIT });
    for (const item of page.items) {
      if (!keep(item)) continue;
      // One more that passes is known to exist: the page ends before it.
      if (items.length === limit) return { items, next: keyOf(items.at(-1)!) };
      items.push(item);
    }
    if (page.next === null) return { items, next: null };
    after = page.next;
  }
}

/** Everything in a list, page by page. For lists that are short by nature. */
export async function everything<T>(load: LoadPage<T>): Promise<T[]> {
  const items: T[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await load({ after, limit: MAX_LIMIT });
    items.push(...page.items);
    if (page.next === null) return items;
    after = page.next;
  }
}

/** A page of a list that is in memory, in order of its key. */
export function pageOfArray<T>(all: readonly T[], { limit, cursor }: PageQuery, keyOf: (item: T) => string): Page<T> {
  const rest = cursor === undefined ? all : all.filter((item) => keyOf(item) > cursor);
  const items = rest.slice(0, limit);
  return { items, next: rest.length > limit ? keyOf(items.at(-1)!) : null };
}
