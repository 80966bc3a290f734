import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { toPage } from '../store/page.ts';
import { everything, filteredPage, pageOfArray, pageQuery, toPageBody } from './pagination.ts';

const all = Array.from({ length: 2500 }, (_, i) => ({ id: `id${String(i).padStart(5, '0')}`, even: i % 2 === 0 }));
const keyOf = (item: { id: string }) => item.id;
const load = async ({ after, limit }: { after: string | undefined; limit: number }) => {
  const rows = all.filter((item) => item.id > (after ?? '')).slice(0, limit + 1);
  return toPage(rows, limit, (row) => row, keyOf);
};
const query = z.strictObject(pageQuery);

test('a cursor leads to the page after the one that it came with', () => {
  const { nextCursor } = toPageBody({ items: ['a'], next: 'größe/ü' }, (item) => item);
  assert.equal(query.parse({ cursor: nextCursor }).cursor, 'größe/ü');
  assert.equal(toPageBody({ items: [], next: null }, (item) => item).nextCursor, null);
});

test('limits outside 1 to 1000 and cursors of other characters are refused', () => {
  assert.equal(query.parse({}).limit, 100);
  assert.equal(query.parse({ limit: '1000' }).limit, 1000);
  for (const bad of [
    { limit: '0' },
    { limit: '1001' },
    { limit: '1.5' },
    { limit: 'x' },
    { cursor: 'a+b' },
    { cursor: 'x'.repeat(401) },
  ]) {
    assert.equal(query.safeParse(bad).success, false, JSON.stringify(bad));
  }
});

test('the pages of a filtered list are full and hold every match once', async () => {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await filteredPage({ limit: 700, cursor }, load, { keep: (item) => item.even, keyOf });
    if (page.next !== null) assert.equal(page.items.length, 700);
    seen.push(...page.items.map(keyOf));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  assert.deepEqual(seen, all.filter((item) => item.even).map(keyOf));
});

test('a page that ends with the last match says that nothing follows', async () => {
  const page = await filteredPage({ limit: 1250 }, load, { keep: (item) => item.even, keyOf });
  assert.equal(page.next, null);
});

test('everything is read page by page', async () => {
  assert.deepEqual(await everything(load), all);
});

test('a list in memory is paged by its key', () => {
  const first = pageOfArray(all, { limit: 2000 }, keyOf);
  const second = pageOfArray(all, { limit: 2000, cursor: first.next! }, keyOf);
  assert.deepEqual([...first.items, ...second.items], all);
  assert.equal(second.next, null);
});
