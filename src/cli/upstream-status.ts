import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import { isPersonal, type UpstreamAuth, type UpstreamOauth } from '../model/upstream.ts';
import type { Invocation } from './invocation.ts';
import type { Style } from './style.ts';
import { type Column, renderTable } from './table.ts';
import { type TokenHealth, tokenReport } from './token-health.ts';

/** An upstream as the API shows it. */
export interface UpstreamView {
  readonly name: string;
  readonly source: 'file' | 'api';
  readonly transport: 'http' | 'sse' | 'stdio';
  readonly enabled: boolean;
  readonly auth: {
    readonly kind: UpstreamAuth['kind'];
    /** Of headers. */
    readonly names?: readonly string[];
    /** Of the other kinds but `none`. */
    readonly oauth?: UpstreamOauth;
  };
  /** Null when the gateway is not connecting: offline. */
  readonly status: UpstreamStatus | null;
  /** Null where no tokens are kept. */
  readonly tokens: TokenHealth | null;
}

export interface UpstreamStatus {
  readonly state: 'ready' | 'starting' | 'failed' | 'disabled' | 'open-breaker';
  readonly revision: string | null;
  readonly tools: number;
  readonly prompts: number;
  readonly resources: number;
  readonly failedLists: readonly { readonly list: string; readonly message: string }[];
  readonly rejectedEntries: number;
  readonly lastError: { readonly code: string; readonly message: string } | null;
}

/** `offline` when nothing connects. */
export const stateOf = ({ status, enabled }: UpstreamView): string =>
  status?.state ?? (enabled ? 'offline' : 'disabled');

/** What is wrong with an upstream, one sentence each; empty for one that is well. */
export function troublesOf(upstream: UpstreamView): string[] {
  const { name, status } = upstream;
  if (status === null || status.state === 'disabled') return [];
  const { state, lastError, failedLists, rejectedEntries } = status;
  const troubles: string[] = [];
  // That nobody has connected an account is said with what to do about it: see tokenReport.
  const isTold = lastError?.code.startsWith('connection_') && tokenReport(upstream)?.isTrouble;
  if (state !== 'ready' && lastError !== null && !isTold) troubles.push(lastError.message);
  for (const { list, message } of failedLists) troubles.push(`its ${list} could not be listed: ${message}`);
  if (rejectedEntries > 0) troubles.push(`${rejectedEntries} entries are left out because of their names`);
  return troubles.map((trouble) => `${name}: ${escapeUnprintable(trouble)}`);
}

export async function listUpstreams(invocation: Invocation): Promise<void> {
  const { terminal } = invocation;
  const { green, yellow, red, dim } = terminal.style;
  const api = await invocation.api();
  const upstreams = await api.all<UpstreamView>('/upstreams');
  const paints: Readonly<Record<string, (text: string) => string>> = {
    ready: green,
    starting: yellow,
    failed: red,
    'open-breaker': red,
  };
  // What everybody has an account of their own for is offered to each person, not to the gateway.
  const counted =
    (what: 'tools' | 'prompts' | 'resources') =>
    ({ auth, status }: UpstreamView) =>
      isPersonal(auth) ? '-' : String(status?.[what] ?? '-');
  const columns: Column<UpstreamView>[] = [
    { title: 'NAME', value: ({ name }) => name, shrinks: true },
    { title: 'STATE', value: stateOf, paint: (cell, upstream) => (paints[stateOf(upstream)] ?? dim)(cell) },
    { title: 'TYPE', value: ({ transport }) => transport },
    { title: 'TOOLS', value: counted('tools') },
    { title: 'PROMPTS', value: counted('prompts') },
    { title: 'RESOURCES', value: counted('resources') },
    { title: 'MCP', value: ({ status }) => status?.revision ?? '-' },
    { title: 'FROM', value: ({ source }) => (source === 'file' ? 'file' : 'here') },
  ];
  const troubles = upstreams.flatMap(troublesOf);
  const tokens = upstreams.flatMap((upstream) => tokenLine(upstream, terminal.style));
  invocation.show(upstreams, () =>
    upstreams.length === 0
      ? 'There are no upstreams. Add one: toolgate upstream add <name> <url>'
      : [
          renderTable(columns, upstreams, terminal.columns),
          ...(tokens.length > 0 ? ['', ...tokens] : []),
          ...(troubles.length > 0
            ? ['', ...troubles.map((line) => red(line)), 'Find out more: toolgate upstream test <name>']
            : []),
        ].join('\n'),
  );
}

/** How its accounts or tokens are doing, and what to do about it; empty for an upstream without. */
function tokenLine(upstream: UpstreamView, { yellow }: Style): string[] {
  const report = tokenReport(upstream);
  if (report === null) return [];
  const line = `${upstream.name}: ${report.text}${report.fix === null ? '' : ` → ${report.fix}`}`;
  return [report.isTrouble ? yellow(line) : line];
}

interface TestReport {
  readonly upstream: string;
  readonly ok: boolean;
  readonly stages: readonly {
    readonly stage: string;
    readonly ok: boolean;
    readonly detail: string;
    readonly advice?: string;
    readonly durationMs: number;
  }[];
}

/** Sets the exit code 1 when a stage failed. */
export async function testUpstream(invocation: Invocation, name: string): Promise<void> {
  const { green, red } = invocation.terminal.style;
  const api = await invocation.api();
  const report = await api.send<TestReport>('POST', `/upstreams/${encodeURIComponent(name)}/test`);
  if (!report.ok) invocation.outcome.exitCode = 1;
  invocation.show(report, () =>
    report.stages
      .flatMap(({ stage, ok, detail, advice, durationMs }) => [
        `${ok ? green('ok  ') : red('fail')}  ${stage.padEnd(12)}  ${escapeUnprintable(detail)} (${Math.round(durationMs)} ms)`,
        ...(advice === undefined ? [] : [`                    ${escapeUnprintable(advice)}`]),
      ])
      .join('\n'),
  );
}
