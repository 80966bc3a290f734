import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderFields, renderTable } from './table.ts';

const columns = [
  { title: 'NAME', value: ({ name }: Row) => name, shrinks: true },
  { title: 'STATE', value: ({ state }: Row) => state, paint: (cell: string) => `<${cell}>` },
  { title: 'ABOUT', value: ({ about }: Row) => about, shrinks: true },
];
interface Row {
  readonly name: string;
  readonly state: string;
  readonly about: string;
}
const rows: Row[] = [
  { name: 'a', state: 'ready', about: 'short' },
  { name: 'a-longer-name', state: 'ok', about: 'x'.repeat(120) },
];

test('columns are as wide as their widest cell, and paint does not count', () => {
  const [title, first] = renderTable(columns, rows, null).split('\n');
  assert.equal(title, 'NAME           STATE  ABOUT');
  assert.equal(first, 'a              <ready>  short');
});

test('a table fits into the terminal by cutting what may be cut', () => {
  const plain = columns.map(({ title, value, shrinks }) => ({ title, value, shrinks }));
  const lines = renderTable(plain, rows, 60).split('\n');
  assert.ok(
    lines.every((line) => line.length <= 60),
    lines.join('\n'),
  );
  assert.match(lines[2]!, /x…$/);
  assert.match(lines[2]!, /a-longer-name {2}ok/);
});

test('nothing is cut where no terminal is', () => {
  assert.ok(renderTable(columns, rows, null).includes('x'.repeat(120)));
});

test('a value cannot steer the terminal or forge a line', () => {
  const hostile = renderTable(columns, [{ name: '\u001b[2Jx', state: 'a\nb', about: '\u202eabc' }], null);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  assert.doesNotMatch(hostile, /[\u001b\u202e]/);
  assert.equal(hostile.split('\n').length, 2);
});

test('fields without a value are left out', () => {
  assert.equal(
    renderFields([
      ['A', '1'],
      ['Longer', ''],
      ['B', null],
      ['Long', '2'],
    ]),
    'A     1\nLong  2',
  );
});
