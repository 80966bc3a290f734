/**
 * The official conformance suite, three times for each release and revision: against our fixture, through the gateway
 * without authentication, and through the gateway with a key. The difference between the first and the others is what
 * the gateway does to the protocol.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../clients/gateway.ts';
import { compareResults, loadExpectedFailures, succeeded } from './expected-failures.ts';
import { startLegacyFixture } from './fixture/legacy-fixture.ts';
import { startModernFixture } from './fixture/modern-fixture.ts';
import { startHeaderInjectingProxy } from './header-injecting-proxy.ts';
import { type CheckResult, runSuite, SUITE_RUNS, type SuiteRun } from './suite-run.ts';

const START_FIXTURE = { legacy: startLegacyFixture, modern: startModernFixture };

const expected = loadExpectedFailures();

for (const run of SUITE_RUNS) {
  const name = `conformance ${run.suite} at ${run.revision}`;

  test(name, async (t) => {
    const fixture = await START_FIXTURE[run.era]();
    let baseline: CheckResult[] = [];
    try {
      await t.test('directly against the fixture', async () => {
        baseline = await runSuite(run, fixture.url, report(run, 'direct'));
        assert.deepEqual(compareResults(run, baseline, expected.direct), { unexpected: [], stale: [] });
      });

      await t.test('through the gateway, without authentication', async () => {
        const gateway = await startGateway({ upstreamUrl: fixture.url, auth: 'none' });
        try {
          const results = await runSuite(run, gateway.url, report(run, 'no auth'));
          assert.deepEqual(compareResults(run, results, expected.gateway, baseline), { unexpected: [], stale: [] });
        } finally {
          await gateway.close();
        }
      });

      await t.test('through the gateway, with a key', async () => {
        const gateway = await startGateway({ upstreamUrl: fixture.url, auth: 'keys' });
        const proxy = await startHeaderInjectingProxy(gateway.url, gateway.headers);
        try {
          const results = await runSuite(run, proxy.url, report(run, 'key'));
          assert.deepEqual(compareResults(run, results, expected.gateway, baseline), { unexpected: [], stale: [] });
        } finally {
          await proxy.close();
          await gateway.close();
        }
      });
    } finally {
      await fixture.close();
    }
  });
}

/** One line for each scenario, as it ends. */
function report({ suite, revision }: SuiteRun, front: string) {
  return (scenario: string, checks: readonly CheckResult[]): void => {
    const bad = checks.filter((check) => !succeeded(check));
    const verdict = bad.length === 0 ? 'ok' : bad.map(({ check, status }) => `${status} ${check}`).join(', ');
    console.log(`${suite} ${revision} ${front.padEnd(7)} ${scenario.padEnd(46)} ${verdict}`);
  };
}
