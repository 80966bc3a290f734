import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ConformanceTarget } from './client-driver.ts';
import { succeeded } from './expected-failures.ts';
import { type CheckResult, SUITE_ENTRY, type SuiteRun } from './suite-run.ts';

/** One run of the suite's client mode: the scenarios of which release, judged by which revision. */
export type ClientRun = Pick<SuiteRun, 'suite' | 'revision'>;

/**
 * 0.1.16 knows one revision and runs everything at it. 0.2.0-alpha.12 asks for what the revision asks for; extensions belong
 * to none, and are run at the newest. The fallbacks of 2025-03-26 were part of that revision alone.
 */
export const CLIENT_RUNS: readonly ClientRun[] = [
  { suite: '0.1.16', revision: '2025-11-25' },
  { suite: '0.2.0-alpha.12', revision: '2026-07-28' },
  { suite: '0.2.0-alpha.12', revision: '2025-03-26' },
];

const DRIVER = join(import.meta.dirname, 'client-driver.ts');
const AT_ONCE = 3;
const TIMEOUT_MS = 60_000;

/** Names of the `auth/…` scenarios of a run. `--suite auth` of the suite leaves extensions, fallbacks and drafts out. */
export async function clientScenarios({ suite, revision }: ClientRun): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [SUITE_ENTRY[suite], 'list', '--client']);
  const found = [...stdout.matchAll(/^ *- (auth\/\S+) \[([^\]]*)\]/gm)].map(([, name, tags]) => ({
    name: name!,
    tags: tags!.split(','),
  }));
  if (suite === '0.1.16') return found.map(({ name }) => name);
  const wanted = revision === '2026-07-28' ? [revision, 'extension'] : [revision];
  // What is in a later revision as well is judged by that.
  return found
    .filter(({ tags }) => tags.some((tag) => wanted.includes(tag)) && (revision !== '2025-03-26' || tags.length === 1))
    .map(({ name }) => name);
}

/** Runs the scenarios against the gateway, a few at a time, and hands over each one's checks as soon as it is through. */
export async function runClientSuite(
  run: ClientRun,
  scenarios: readonly string[],
  target: ConformanceTarget,
  onScenario: (scenario: string, checks: readonly CheckResult[], output: string) => void,
): Promise<CheckResult[]> {
  const waiting = [...scenarios];
  const all: CheckResult[] = [];
  async function work(): Promise<void> {
    for (let scenario = waiting.shift(); scenario !== undefined; scenario = waiting.shift()) {
      const { checks, output } = await runScenario(run, scenario, target);
      all.push(...checks);
      onScenario(scenario, checks, output);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return all;
}

async function runScenario(
  { suite, revision }: ClientRun,
  scenario: string,
  target: ConformanceTarget,
): Promise<{ checks: CheckResult[]; output: string }> {
  const outputDir = await mkdtemp(join(tmpdir(), 'conformance-client-'));
  try {
    const child = spawn(
      process.execPath,
      [
        SUITE_ENTRY[suite],
        'client',
        ...['--command', `"${process.execPath}" "${DRIVER}"`, '--scenario', scenario],
        ...['--timeout', String(TIMEOUT_MS), '-o', outputDir],
        ...(suite === '0.1.16' ? [] : ['--spec-version', revision, '--force']),
      ],
      {
        env: {
          ...process.env,
          PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
          CONFORMANCE_TARGET: JSON.stringify(target),
        },
        stdio: 'ignore',
      },
    );
    const code = await new Promise((resolve) => child.on('exit', resolve));
    const { checks, output } = await readReport(outputDir, scenario);
    // Where the client may not give up, the tool of the scenario has to answer in the end.
    const gaveUp = code !== 0 && checks.every(succeeded);
    const message = 'The tool could not be called through the gateway.';
    return {
      output,
      checks: gaveUp ? [...checks, { scenario, check: 'tool-called', status: 'FAILURE', message }] : checks,
    };
  } finally {
    await rm(outputDir, { recursive: true });
  }
}

async function readReport(outputDir: string, scenario: string): Promise<{ checks: CheckResult[]; output: string }> {
  const files = await readdir(outputDir, { recursive: true });
  const read = async (name: string): Promise<string | undefined> => {
    const file = files.find((file) => file.endsWith(name));
    return file === undefined ? undefined : readFile(join(outputDir, file), 'utf8');
  };
  const json = await read('checks.json');
  const output = [await read('stdout.txt'), await read('stderr.txt')].join('\n');
  if (json === undefined) {
    return {
      checks: [{ scenario, check: scenario, status: 'FAILURE', message: 'The scenario ended without a report.' }],
      output,
    };
  }
  const checks = JSON.parse(json) as {
    id: string;
    status: CheckResult['status'];
    description: string;
    errorMessage?: string;
  }[];
  return {
    output,
    checks: checks.map(({ id, status, description, errorMessage }) => ({
      scenario,
      check: id,
      status,
      message: errorMessage ?? description,
    })),
  };
}
