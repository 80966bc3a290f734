import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differingMembers, reconcile } from './state-plan.ts';

interface Thing {
  readonly name: string;
  readonly size?: number | undefined;
}

const done: string[] = [];
const plan = (stored: readonly Thing[], wanted: readonly Thing[] | undefined, prune: boolean) =>
  reconcile<Thing, Thing>({
    kind: 'group',
    stored,
    wanted,
    prune,
    nameOf: (thing) => thing.name,
    keyOf: (name) => name.toLowerCase(),
    differences: (old, thing) => differingMembers(old, thing, ['size']),
    create: async (_, thing) => void done.push(`+${thing.name}`),
    update: async (_, old, thing) => void done.push(`${old.name}=${thing.size}`),
    remove: async (_, old) => void done.push(`-${old.name}`),
  });
const shortOf = (changes: ReturnType<typeof plan>) => changes.map(({ action, name }) => `${action} ${name}`);

test('what is missing is created, what differs is updated, what is equal is left alone', () => {
  const changes = plan(
    [
      { name: 'a', size: 1 },
      { name: 'B', size: 2 },
    ],
    [{ name: 'a', size: 9 }, { name: 'b' }, { name: 'c' }],
    false,
  );
  assert.deepEqual(shortOf(changes), ['update a', 'create c']);
  assert.deepEqual(changes[0]?.details, { size: { from: 1, to: 9 } });
});

test('what is not listed is removed with prune only, and never when the kind is not in the document', () => {
  const stored = [{ name: 'a' }, { name: 'b' }];
  assert.deepEqual(shortOf(plan(stored, [{ name: 'A' }], true)), ['remove b']);
  assert.deepEqual(plan(stored, [], false), []);
  assert.deepEqual(plan(stored, undefined, true), []);
});

test('the order of members in an object makes no difference, the order in a list does', () => {
  const differ = (from: unknown, to: unknown) =>
    Object.keys(differingMembers({ x: from }, { x: to }, ['x'])).length > 0;
  assert.equal(differ({ a: 1, b: { c: 1, d: 2 } }, { b: { d: 2, c: 1 }, a: 1 }), false);
  assert.equal(differ([1, 2], [2, 1]), true);
  assert.equal(differ({ a: 1 }, { a: 1, b: undefined }), false);
  assert.equal(differ('a', undefined), false, 'what is left out stays');
});
