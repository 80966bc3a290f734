import { type AuditEntry, auditColumns } from './audit-entry.ts';
import { countOption } from './count-option.ts';
import type { Invocation } from './invocation.ts';
import { renderTable } from './table.ts';
import { pastOption } from './time.ts';

interface SearchOptions {
  readonly principal?: string;
  readonly agent?: string;
  readonly upstream?: string;
  readonly tool?: string;
  readonly action?: string;
  readonly decision?: string;
  readonly outcome?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit: string;
}

interface AuditPage {
  readonly items: readonly AuditEntry[];
  readonly nextCursor: string | null;
}

const PAGE = 500;

export async function searchAudit(invocation: Invocation<SearchOptions>): Promise<void> {
  const { options, terminal } = invocation;
  const { principal, agent, upstream, tool, action, decision, outcome, from, to } = options;
  const limit = countOption('--limit', options.limit);
  const filters = {
    ...{ principal, agent, upstream, tool, action, decision, outcome },
    from: from === undefined ? undefined : pastOption('--from', from),
    to: to === undefined ? undefined : pastOption('--to', to),
  };
  const api = await invocation.api();
  const found: AuditEntry[] = [];
  let cursor: string | undefined;
  do {
    const page: AuditPage = await api.get('/audit/events', {
      ...filters,
      limit: Math.min(limit - found.length, PAGE),
      cursor,
    });
    found.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && found.length < limit);
  invocation.show(found, () =>
    found.length === 0 ? 'Nothing was found.' : renderTable(auditColumns(terminal.style), found, terminal.columns),
  );
}

export async function exportAudit(invocation: Invocation): Promise<void> {
  const api = await invocation.api();
  for await (const chunk of api.stream('/audit/export')) await invocation.terminal.write(chunk);
}

export async function showPublicKey(invocation: Invocation): Promise<void> {
  const api = await invocation.api();
  const key = await api.get<{ publicKey: string }>('/audit/public-key');
  invocation.show(key, () => key.publicKey.trimEnd());
}

export async function showCheckpoint(invocation: Invocation): Promise<void> {
  const api = await invocation.api();
  const signed = await api.send<{ checkpoint: string }>('POST', '/audit/checkpoints');
  invocation.show(signed, () => signed.checkpoint);
}
