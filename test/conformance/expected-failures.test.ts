import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT_RUNS } from './client-run.ts';
import { compareResults, type ExpectedFailure, isOf, loadExpectedFailures } from './expected-failures.ts';
import { type CheckResult, SUITE_RUNS, type SuiteRun } from './suite-run.ts';

const RUN: SuiteRun = { suite: '0.1.16', revision: '2025-11-25', era: 'legacy' };

const result = (check: string, status: CheckResult['status']): CheckResult => ({
  scenario: 'ping',
  check,
  status,
  message: 'because',
});

const entry = (check: string): ExpectedFailure => ({
  suite: RUN.suite,
  revision: RUN.revision,
  scenario: 'ping',
  check,
  reason: 'known',
});

test('a failure, a warning or a skipped check that is not expected is reported with its message', () => {
  const results = [result('a', 'FAILURE'), result('b', 'WARNING'), result('c', 'SKIPPED'), result('d', 'SUCCESS')];
  const { unexpected, stale } = compareResults(RUN, results, []);
  assert.deepEqual(unexpected, ['ping:a FAILURE: because', 'ping:b WARNING: because', 'ping:c SKIPPED: because']);
  assert.deepEqual(stale, []);
});

test('an expected failure is accepted, and its entry is stale once the check succeeds or disappears', () => {
  assert.deepEqual(compareResults(RUN, [result('a', 'FAILURE')], [entry('a')]), { unexpected: [], stale: [] });
  assert.deepEqual(compareResults(RUN, [result('a', 'SUCCESS')], [entry('a')]).stale, ['ping:a']);
  assert.deepEqual(compareResults(RUN, [], [entry('a')]).stale, ['ping:a']);
});

test('an entry of another run does not excuse a failure', () => {
  const other = { ...entry('a'), revision: '2025-06-18' };
  const { unexpected, stale } = compareResults(RUN, [result('a', 'FAILURE')], [other]);
  assert.equal(unexpected.length, 1);
  assert.deepEqual(stale, []);
});

test('a check with several results fails when one of them does', () => {
  const results = [result('a', 'SUCCESS'), result('a', 'FAILURE'), result('a', 'SUCCESS')];
  assert.equal(compareResults(RUN, results, []).unexpected.length, 1);
});

test('a check that succeeds without the gateway and asserts nothing behind it counts as failed', () => {
  const baseline = [result('a', 'SUCCESS'), result('b', 'SUCCESS'), result('c', 'INFO')];
  const { unexpected } = compareResults(RUN, [result('a', 'INFO')], [], baseline);
  assert.deepEqual(unexpected, [
    'ping:a MISSING: succeeds without the gateway',
    'ping:b MISSING: succeeds without the gateway',
  ]);
});

test('every entry of the file belongs to a run that takes place, names a check and gives a reason', () => {
  const { direct, gateway, client } = loadExpectedFailures();
  for (const expected of [...direct, ...gateway, ...client]) {
    const named = [expected.scenario, expected.check, expected.reason].every((text) => text?.trim());
    assert.ok(named, `incomplete: ${JSON.stringify(expected)}`);
    assert.ok(
      (client.includes(expected) ? CLIENT_RUNS : SUITE_RUNS).some((run) => isOf(expected, run)),
      `no such run: ${JSON.stringify(expected)}`,
    );
  }
});
