/**
 * The `client` command of the official suite, with the gateway as the client: every scenario's server becomes an upstream,
 * to which the gateway has to find its way by OAuth (client-driver.ts).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startToolgate } from '../harness.ts';
import { addPerson } from '../sign-in.ts';
import { CLIENT_RUNS, type ClientRun, clientScenarios, runClientSuite } from './client-run.ts';
import { compareResults, loadExpectedFailures, succeeded } from './expected-failures.ts';
import type { CheckResult } from './suite-run.ts';

const expected = loadExpectedFailures();

for (const run of CLIENT_RUNS) {
  test(`conformance of the gateway as a client ${run.suite} at ${run.revision}`, async () => {
    const scenarios = await clientScenarios(run);
    assert.ok(scenarios.length >= 2, 'the suite lists scenarios');
    const gateway = await startToolgate();
    try {
      const person = await addPerson(gateway, 'ann@example.com', ['full-access']);
      const { body } = await gateway.admin('POST', '/access-keys', {
        owner: { kind: 'user', id: person.id },
        name: 'agent',
      });
      const target = { url: gateway.url, ownerKey: gateway.ownerKey, person: { name: person.name, key: body.key } };
      const results = await runClientSuite(run, scenarios, target, report(run));
      assert.deepEqual(compareResults(run, results, expected.client), { unexpected: [], stale: [] });
    } finally {
      await gateway.close();
    }
  });
}

/** One line for each scenario, as it ends; with what the driver saw, if it did not go well. */
function report({ suite, revision }: ClientRun) {
  return (scenario: string, checks: readonly CheckResult[], output: string): void => {
    const bad = checks.filter((check) => !succeeded(check));
    const verdict = bad.length === 0 ? 'ok' : bad.map(({ check, status }) => `${status} ${check}`).join(', ');
    console.log(`${suite} ${revision} client  ${scenario.padEnd(46)} ${verdict}`);
    if (bad.length > 0) console.log(output.trim());
  };
}
