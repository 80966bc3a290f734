import type { Comparison, Measured } from './rounds.ts';

export interface Table {
  readonly caption?: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A target of the project, and what came out. */
export interface Verdict {
  readonly target: string;
  readonly measured: string;
  readonly met: boolean;
}

/** What one workload has to say. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** What is done and what it is held against, in a few sentences. */
  readonly about: string;
  readonly tables: readonly Table[];
  readonly verdicts: readonly Verdict[];
}

export const times = (ratio: number): string => `${ratio.toFixed(2)}×`;
export const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
export const us = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} µs`;
export const count = (value: number): string => Math.round(value).toLocaleString('en-US');
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
export const kilobytes = (bytes: number): string => `${(bytes / 1e3).toFixed(1)} KB`;

export const atMost = (what: string, ratio: number, limit: number, show = times): Verdict => ({
  target: `${what} ≤ ${show(limit)}`,
  measured: show(ratio),
  met: ratio <= limit,
});

export const CALL_COLUMNS: readonly string[] = [
  'calls/s',
  'CPU per call',
  'main thread alone',
  'CPU against baseline',
  'p50',
  'p99',
];

/** The cells for `CALL_COLUMNS`. */
export const callCells = (measured: Measured, cpuRatio: number): string[] => [
  count(measured.callsPerSecond),
  us(measured.cpuUs),
  us(measured.mainThreadUs),
  times(cpuRatio),
  ms(measured.latency.p50),
  ms(measured.latency.p99),
];

export const comparisonRows = (compared: readonly Comparison[], ...first: string[]): string[][] =>
  compared.map((row) => [...first, row.name, ...callCells(row, row.cpuRatio)]);

export function renderTable({ caption, columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = columns.map((_, i) => (i === 0 ? '---' : '---:'));
  return [...(caption === undefined ? [] : [`${caption}\n`]), line(columns), line(rule), ...rows.map(line)].join('\n');
}

export function renderSection({ id, title, about, tables, verdicts }: Section): string {
  const judged: Table = {
    columns: ['target', 'measured', ''],
    rows: verdicts.map(({ target, measured, met }) => [target, measured, met ? 'met' : '**missed**']),
  };
  return [
    `## ${id}: ${title}`,
    about,
    ...tables.map(renderTable),
    ...(verdicts.length > 0 ? [renderTable(judged)] : []),
    `Repeat: \`npm run bench -- --only ${id}\``,
  ].join('\n\n');
}
