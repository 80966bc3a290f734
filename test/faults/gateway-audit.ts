import assert from 'node:assert/strict';
import { type ExportReport, verifyExport } from '../../src/audit/verify-export.ts';
import type { AdminAnswer } from '../harness.ts';

interface Administered {
  admin(method: string, path: string, body?: unknown): Promise<AdminAnswer>;
}

// biome-ignore lint/suspicious/noExplicitAny: records of many shapes
export type Entry = any;

/** What the audit log has, newest first; `query` as the API takes it. */
export async function searchAudit(gateway: Administered, query: Readonly<Record<string, string>>): Promise<Entry[]> {
  const entries: Entry[] = [];
  let cursor: string | null = null;
  do {
    const search = new URLSearchParams({ limit: '500', ...query, ...(cursor !== null && { cursor }) });
    const { status, body } = await gateway.admin('GET', `/audit/events?${search}`);
    assert.equal(status, 200, JSON.stringify(body));
    entries.push(...body.items);
    cursor = body.nextCursor;
  } while (cursor !== null);
  return entries;
}

/** Tool calls by their argument `text`. */
export async function callsByText(gateway: Administered): Promise<Map<string, Entry>> {
  const calls = await searchAudit(gateway, { action: 'tool.call' });
  return new Map(calls.map((entry) => [entry.arguments?.text, entry]));
}

/** Exports the log over the API and verifies it as an auditor does. */
export async function verifyGateway(gateway: Administered, expect?: string): Promise<ExportReport> {
  const [exported, key] = await Promise.all([
    gateway.admin('GET', '/audit/export'),
    gateway.admin('GET', '/audit/public-key'),
  ]);
  assert.equal(exported.status, 200);
  const lines = String(exported.body).split('\n').slice(0, -1);
  return verifyExport(lines, { publicKey: key.body.publicKey, ...(expect !== undefined && { expect }) });
}
