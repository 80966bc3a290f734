import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { CheckResult, SuiteRun } from './suite-run.ts';

type Run = Pick<SuiteRun, 'suite' | 'revision'>;

/** A check that is known not to succeed, with the reason. */
export interface ExpectedFailure {
  readonly suite: string;
  readonly revision: string;
  readonly scenario: string;
  readonly check: string;
  readonly reason: string;
}

export interface ExpectedFailures {
  /** When the suite talks to a fixture itself. */
  readonly direct: readonly ExpectedFailure[];
  /** When the gateway stands between them. */
  readonly gateway: readonly ExpectedFailure[];
  /** When the gateway is the client that is tested. */
  readonly client: readonly ExpectedFailure[];
}

export interface Comparison {
  /** What did not succeed and is not in the file. */
  readonly unexpected: readonly string[];
  /** What is in the file and did succeed, or was not checked at all. */
  readonly stale: readonly string[];
}

export function loadExpectedFailures(): ExpectedFailures {
  return parse(readFileSync(join(import.meta.dirname, 'expected-failures.yaml'), 'utf8'));
}

/** True when every result of a check is one that the suite counts as good. */
export const succeeded = ({ status }: CheckResult): boolean => status === 'SUCCESS' || status === 'INFO';

/**
 * Compares the results of one run with what is expected of it. With a `baseline` (the same run without the gateway) a
 * check also counts as failed when it succeeded there and merely was not reached, or no longer asserted anything, here.
 */
export function compareResults(
  run: Run,
  results: readonly CheckResult[],
  expected: readonly ExpectedFailure[],
  baseline: readonly CheckResult[] = [],
): Comparison {
  const failed = new Map<string, string>();
  for (const result of results) {
    if (!succeeded(result)) failed.set(keyOf(result), `${result.status}: ${result.message ?? 'no message'}`);
  }
  const good = new Set(results.filter(({ status }) => status === 'SUCCESS').map(keyOf));
  for (const result of baseline) {
    const key = keyOf(result);
    if (result.status === 'SUCCESS' && !good.has(key) && !failed.has(key)) {
      failed.set(key, 'MISSING: succeeds without the gateway');
    }
  }
  const known = new Set(expected.filter((entry) => isOf(entry, run)).map(keyOf));
  return {
    unexpected: [...failed].filter(([key]) => !known.has(key)).map(([key, why]) => `${key} ${why}`),
    stale: [...known].filter((key) => !failed.has(key)),
  };
}

export const isOf = (entry: ExpectedFailure, run: Run): boolean =>
  entry.suite === run.suite && entry.revision === run.revision;

const keyOf = ({ scenario, check }: { scenario: string; check: string }): string => `${scenario}:${check}`;
