import { setTimeout as sleep } from 'node:timers/promises';
import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import type { AdminClient } from './admin-client.ts';
import { CliError } from './cli-error.ts';
import type { Invocation } from './invocation.ts';
import { renderTable } from './table.ts';
import { formatMinute } from './time.ts';

const POLL_MS = 1_000;

export interface TestOptions {
  /** False with `--no-login`. */
  readonly login: boolean;
}

interface Checks {
  readonly provider: string;
  readonly ok: boolean;
  readonly checks: readonly { readonly step: string; readonly ok: boolean; readonly detail: string }[];
}

interface Report {
  readonly issuer: string;
  readonly subject: string;
  readonly email: string | null;
  readonly refusal: string | null;
  readonly rules: readonly {
    readonly claim: string;
    readonly test: string;
    readonly values: readonly string[];
    readonly matched: boolean;
    readonly roles: readonly string[];
    readonly groups: readonly string[];
  }[];
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * What stands in the way is said step by step, and the login is offered where nothing does. With `--json` all of it is one
 * object at the end, and the URL goes to standard error. Sets the exit code 1 when people could not sign in like this.
 */
export async function testProvider(invocation: Invocation<TestOptions>, name: string): Promise<void> {
  const { options, terminal, outcome } = invocation;
  const api = await invocation.api();
  const path = `/identity-providers/${encodeURIComponent(name)}`;
  const checked = await api.send<Checks>('POST', `${path}/test`);
  const tell = (lines: string): void => {
    if (!options.json) terminal.print(lines);
  };
  tell(checkLines(invocation, checked));
  const report = checked.ok && options.login ? await tryLogin(invocation, api, path) : null;
  if (report !== null) tell(reportLines(invocation, report));
  const ok = checked.ok && (report === null || report.refusal === null);
  if (!ok) outcome.exitCode = 1;
  if (options.json) invocation.show({ ...checked, ok, login: report }, String);
}

/** Null where nobody can sign in, because no gateway runs. */
async function tryLogin(invocation: Invocation, api: AdminClient, path: string): Promise<Report | null> {
  const { note, errorStyle } = invocation.terminal;
  if (api.offline) {
    note('No gateway runs, so nobody can sign in. Start it, and run this again for a login.');
    return null;
  }
  const login = await api.send<{ token: string; url: string; expiresAt: number }>('POST', `${path}/test-logins`);
  note(
    [
      '',
      `Open this in a browser and sign in, until ${formatMinute(login.expiresAt)}:`,
      '',
      `  ${errorStyle.bold(login.url)}`,
      '',
      'Waiting. If the browser ends on an error, press Ctrl-C: the log of the gateway says why.',
    ].join('\n'),
  );
  while (Date.now() < login.expiresAt) {
    await sleep(POLL_MS);
    const { report } = await api.get<{ report: Report | null }>(`/identity-providers/test-logins/${login.token}`);
    if (report !== null) return report;
  }
  throw new CliError('Nobody signed in within ten minutes. Run the command again for another URL.');
}

function checkLines({ terminal }: Invocation, { checks }: Checks): string {
  const { green, yellow, red, dim } = terminal.style;
  const mark = (step: string, ok: boolean): string => {
    if (step === 'note') return dim('note');
    if (ok) return green('ok  ');
    return step === 'issuer' ? yellow('odd ') : red('fail');
  };
  return checks
    .map(({ step, ok, detail }) => `${mark(step, ok)}  ${step.padEnd(8)}  ${escapeUnprintable(detail)}`)
    .join('\n');
}

function reportLines({ terminal }: Invocation, report: Report): string {
  const { green, red, dim, bold } = terminal.style;
  const { subject, email, refusal, rules, claims } = report;
  const gives = ({ roles, groups }: Report['rules'][number]): string =>
    [...roles.map((role) => `role ${role}`), ...groups.map((group) => `group ${group}`)].join(', ');
  return [
    '',
    `${refusal === null ? green('ok  ') : red('fail')}  login     ${escapeUnprintable(email ?? 'no verified e-mail address')}, subject ${escapeUnprintable(subject)}`,
    ...(refusal === null ? [] : [`                ${red(`could not sign in here: ${refusal}`)}`]),
    '',
    rules.length === 0
      ? 'There are no rules: people get no roles or groups from this provider.'
      : renderTable(
          [
            { title: 'CLAIM', value: ({ claim }) => claim },
            { title: 'RULE', value: ({ test }) => test },
            { title: 'VALUE', value: ({ values }) => (values.length === 0 ? '-' : values.join(' ')), shrinks: true },
            {
              title: 'GIVES',
              value: (rule) => (rule.matched ? gives(rule) : 'nothing'),
              paint: (cell, { matched }) => (matched ? green(cell) : dim(cell)),
            },
          ],
          rules,
          terminal.columns,
        ),
    '',
    bold('All claims:'),
    ...Object.entries(claims).map(([name, value]) => `  ${escapeUnprintable(`${name}: ${JSON.stringify(value)}`)}`),
  ].join('\n');
}
