import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Era } from '../../src/model/catalogue.ts';

/** One run of the official suite: which release of it, at which revision of the protocol, against which fixture. */
export interface SuiteRun {
  readonly suite: '0.1.16' | '0.2.0-alpha.12';
  readonly revision: string;
  readonly era: Era;
}

/**
 * Every server scenario of every revision. The `tasks-*` and `sep-2640-*` scenarios are left out by the suite itself:
 * they belong to extensions, which are negotiated apart and which no fixture of ours offers.
 */
export const SUITE_RUNS: readonly SuiteRun[] = [
  { suite: '0.1.16', revision: '2025-11-25', era: 'legacy' },
  { suite: '0.2.0-alpha.12', revision: '2025-03-26', era: 'legacy' },
  { suite: '0.2.0-alpha.12', revision: '2025-06-18', era: 'legacy' },
  { suite: '0.2.0-alpha.12', revision: '2025-11-25', era: 'legacy' },
  { suite: '0.2.0-alpha.12', revision: '2026-07-28', era: 'modern' },
];

/** `SUCCESS` and `INFO` are fine; the suite writes `WARNING` for what a server SHOULD do and does not. */
export interface CheckResult {
  readonly scenario: string;
  readonly check: string;
  readonly status: 'SUCCESS' | 'INFO' | 'SKIPPED' | 'WARNING' | 'FAILURE';
  readonly message: string | undefined;
}

const installed = (alias: string): string =>
  join(import.meta.dirname, '../clients/node_modules', alias, 'dist/index.js');

/** The programs of the two releases, which stand under aliases in test/clients/package.json. */
export const SUITE_ENTRY = {
  '0.1.16': installed('conformance-legacy'),
  '0.2.0-alpha.12': installed('conformance-modern'),
} as const;

/** Runs every scenario against `url` and hands over each one's checks as soon as it is through. */
export async function runSuite(
  { suite, revision }: SuiteRun,
  url: string,
  onScenario: (scenario: string, checks: readonly CheckResult[]) => void,
): Promise<CheckResult[]> {
  const outputDir = await mkdtemp(join(tmpdir(), 'conformance-'));
  const all: CheckResult[] = [];
  let announced: string | undefined;
  let concluded = 0;
  async function conclude(scenario: string | undefined): Promise<void> {
    if (scenario === undefined) return;
    concluded++;
    const checks = await readChecks(outputDir, scenario);
    all.push(...checks);
    onScenario(scenario, checks);
  }
  try {
    const entry = SUITE_ENTRY[suite];
    const selection = ['--suite', 'all', '--spec-version', revision];
    const child = spawn(process.execPath, [entry, 'server', '--url', url, ...selection, '-o', outputDir], {
      env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let current: string | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      announced ??= /^Running .* \((\d+) scenarios\)/.exec(line)?.[1];
      const started = /^=== Running scenario: (\S+) ===$/.exec(line)?.[1];
      if (started === undefined) continue;
      await conclude(current);
      current = started;
    }
    await conclude(current);
  } finally {
    await rm(outputDir, { recursive: true });
  }
  if (String(concluded) !== announced) {
    throw new Error(`${suite} ran ${concluded} of ${announced ?? 'no'} scenarios; is test/clients installed?`);
  }
  return all;
}

async function readChecks(outputDir: string, scenario: string): Promise<CheckResult[]> {
  // The folder is called server-{scenario}-{time of day}, and one scenario's name may begin with another's.
  const folders = await readdir(outputDir);
  const folder = folders.find((name) => name.startsWith(`server-${scenario}-2`));
  const file = folder && (await readFile(join(outputDir, folder, 'checks.json'), 'utf8').catch(() => undefined));
  if (!file) return [{ scenario, check: scenario, status: 'FAILURE', message: 'The scenario ended without a report.' }];
  const checks = JSON.parse(file) as { id: string; status: CheckResult['status']; errorMessage?: string }[];
  return checks.map(({ id, status, errorMessage }) => ({ scenario, check: id, status, message: errorMessage }));
}
