import assert from 'node:assert/strict';
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { AuditEntry } from '../../src/audit/audit-reader.ts';
import { type AuditLog, openAudit } from '../../src/audit/open-audit.ts';

/** A file system of its own with so much space; null when this process may not mount one. Gone after the test. */
export function smallDisk(t: TestContext, size: string): string | null {
  const mount = mkdtempSync(join(tmpdir(), 'toolgate-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', mount]);
  t.after(() => {
    if (status === 0) spawnSync('umount', ['-l', mount]);
    rmSync(mount, { recursive: true });
  });
  return status === 0 ? mount : null;
}

/** A folder for a log, removed after the test. */
export function auditFolder(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));

  /** Starts `audit-load.ts`; resolves when its log is open. */
  async function load(concurrency: number, deadlineMs = 2000): Promise<ChildProcess> {
    const script = join(import.meta.dirname, 'audit-load.ts');
    const child = fork(script, [folder, String(concurrency), String(deadlineMs)], { execArgv: [] });
    t.after(() => child.kill('SIGKILL'));
    await once(child, 'message');
    return child;
  }

  /** What the load noted, by kind. */
  function noted(): Record<'intent' | 'outcome' | 'refused', string[]> {
    const kinds = { intent: [] as string[], outcome: [] as string[], refused: [] as string[] };
    // The last line may be half a line when the process was killed.
    for (const line of readFileSync(join(folder, 'acknowledged'), 'utf8').split('\n').slice(0, -1)) {
      const [kind, id] = line.split(' ') as [keyof typeof kinds, string];
      kinds[kind].push(id);
    }
    return kinds;
  }

  const open = (): Promise<AuditLog> =>
    openAudit({ file: join(folder, 'audit.db'), signingKeyFile: join(folder, 'audit.key'), mode: 'strict' });

  return { folder, load, noted, open };
}

/** Waits until `condition` holds, looking every few milliseconds; fails after 20 s. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 20_000; performance.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail(`never: ${what}`);
}

/** Every call in the log by request id; fails when a request is there twice. */
export async function callsIn(audit: AuditLog): Promise<Map<string, AuditEntry>> {
  const calls = new Map<string, AuditEntry>();
  let after: string | undefined;
  do {
    const page = await audit.search({ tenantId: 'default', action: 'tool.call', limit: 500, after });
    for (const entry of page.entries) {
      assert.ok(!calls.has(entry.requestId), `${entry.requestId} is there twice`);
      calls.set(entry.requestId, entry);
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
  return calls;
}
