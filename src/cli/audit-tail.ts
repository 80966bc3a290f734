import { setTimeout as sleep } from 'node:timers/promises';
import type { AdminClient } from './admin-client.ts';
import { type AuditEntry, auditColumns } from './audit-entry.ts';
import { countOption } from './count-option.ts';
import type { Invocation } from './invocation.ts';
import { createOutcomeJoiner } from './join-outcomes.ts';
import { renderTable } from './table.ts';

interface TailOptions {
  readonly lines: string;
  readonly follow?: true;
}

interface TailPage {
  readonly items: readonly AuditEntry[];
  readonly nextCursor: string;
}

const POLL_MS = 500;
const MOST = 500;
/** So that what comes while following lines up with what was there. */
const WIDTHS: Readonly<Record<string, number>> = { WHO: 22, ACTION: 12, WHAT: 24 };

export async function tailAudit(invocation: Invocation<TailOptions>): Promise<void> {
  const { options, terminal } = invocation;
  const limit = Math.min(countOption('--lines', options.lines), MOST);
  const api = await invocation.api();
  const join = createOutcomeJoiner();
  const { items, nextCursor } = await newest(invocation, api, limit);
  for (const item of items) if (item.outcome === 'pending') join(item);
  print(invocation, items, true);
  if (!options.follow) return;
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  for (let cursor = nextCursor; !stop.signal.aborted; ) {
    const page: TailPage = await api.get('/audit/tail', { cursor, limit: MOST });
    const shown = options.json ? page.items : page.items.map(join).filter((item) => item !== null);
    print(invocation, shown, false);
    cursor = page.nextCursor;
    // Whoever is behind reads on at once.
    if (page.items.length < MOST) await sleep(POLL_MS, undefined, { signal: stop.signal }).catch(() => {});
  }
  terminal.note('');
}

/** The last ones to begin with: as they were written for programs; each call as one entry for people. */
async function newest({ options }: Invocation<TailOptions>, api: AdminClient, limit: number): Promise<TailPage> {
  const tail = await api.get<TailPage>('/audit/tail', { limit });
  if (options.json) return tail;
  const { items } = await api.get<{ items: AuditEntry[] }>('/audit/events', { limit });
  return { items: items.reverse(), nextCursor: tail.nextCursor };
}

function print({ options, terminal }: Invocation<TailOptions>, items: readonly AuditEntry[], withTitle: boolean): void {
  if (options.json) {
    for (const item of items) terminal.print(JSON.stringify(item));
    return;
  }
  if (items.length === 0) return;
  const columns = auditColumns(terminal.style).map((column) => ({ ...column, width: WIDTHS[column.title] }));
  const table = renderTable(columns, items, terminal.columns);
  terminal.print(withTitle ? table : table.slice(table.indexOf('\n') + 1));
}
