import { escapeUnprintable } from '../audit/escape-unprintable.ts';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Applied after the cell has its width, so that colours do not count as characters. */
  readonly paint?: ((cell: string, row: Row) => string) | undefined;
  /** May be cut with `…` when the table is wider than the terminal; the widest such column is cut first. */
  readonly shrinks?: boolean | undefined;
  /** At least so wide, so that tables below each other line up. */
  readonly width?: number | undefined;
}

const GAP = '  ';
const NARROWEST = 8;

/**
 * A table with a title line, each column as wide as its widest cell. Values are shown as they are, except that control and
 * invisible characters are escaped: names come from other people.
 *
 * @param columns the width to fit into, or null not to cut anything
 */
export function renderTable<Row>(table: readonly Column<Row>[], rows: readonly Row[], columns: number | null): string {
  const cells = rows.map((row) => table.map((column) => escapeUnprintable(column.value(row))));
  const widths = table.map(({ title, width = 0 }, index) =>
    Math.max(title.length, width, ...cells.map((row) => row[index]!.length)),
  );
  if (columns !== null) shrink(table, widths, columns);
  const line = (texts: readonly string[], paint: (text: string, index: number) => string): string =>
    texts
      .map((text, index) => {
        const fitted = text.length > widths[index]! ? `${text.slice(0, widths[index]! - 1)}…` : text;
        const last = index === texts.length - 1;
        return (fitted === '' ? '' : paint(fitted, index)) + (last ? '' : ' '.repeat(widths[index]! - fitted.length));
      })
      .join(GAP)
      .trimEnd();
  return [
    line(
      table.map(({ title }) => title),
      (text) => text,
    ),
    ...cells.map((row, at) => line(row, (text, index) => table[index]!.paint?.(text, rows[at]!) ?? text)),
  ].join('\n');
}

function shrink(table: readonly Column<never>[], widths: number[], columns: number): void {
  let over = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1) - columns;
  for (; over > 0; over--) {
    let widest = -1;
    for (const [index, { shrinks, title }] of table.entries()) {
      if (shrinks !== true || widths[index]! <= Math.max(NARROWEST, title.length)) continue;
      if (widest < 0 || widths[index]! > widths[widest]!) widest = index;
    }
    if (widest < 0) return;
    widths[widest]!--;
  }
}

/** Names and values below each other, for one thing. Entries without a value are left out. */
export function renderFields(fields: readonly (readonly [name: string, value: string | null | undefined])[]): string {
  const shown = fields.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${escapeUnprintable(value!)}`).join('\n');
}
