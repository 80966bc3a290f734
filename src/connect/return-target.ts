import { CONNECTIONS_PATH, connectPath } from './connect-context.ts';

/**
 * What comes after connecting: the page of this one, or the next of all. It is one of two words and never a URL, so nobody
 * can be led elsewhere by it.
 */
export type Next = 'done' | 'all';

export const readNext = (asked: unknown): Next => (asked === 'all' ? 'all' : 'done');

/** The next of those that still wait, or the list when there is none. */
export const afterThis = ([first]: readonly string[]): string =>
  first === undefined ? CONNECTIONS_PATH : `${connectPath(first)}?next=all`;
