import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import type { UpstreamAuth, UpstreamOauth } from '../model/upstream.ts';
import type { Invocation } from './invocation.ts';
import { type Column, renderTable } from './table.ts';

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
export function troublesOf({ name, status }: UpstreamView): string[] {
  if (status === null || status.state === 'disabled') return [];
  const { state, lastError, failedLists, rejectedEntries } = status;
  const troubles: string[] = [];
  if (state !== 'ready' && lastError !== null) troubles.push(lastError.message);
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
  const counted = (what: 'tools' | 'prompts' | 'resources') => (upstream: UpstreamView) =>
    String(upstream.status?.[what] ?? '-');
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
  invocation.show(upstreams, () =>
    upstreams.length === 0
      ? 'There are no upstreams. Add one: toolgate upstream add <name> <url>'
      : [
          renderTable(columns, upstreams, terminal.columns),
          ...(troubles.length > 0
            ? ['', ...troubles.map((line) => red(line)), 'Find out more: toolgate upstream test <name>']
            : []),
        ].join('\n'),
  );
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
