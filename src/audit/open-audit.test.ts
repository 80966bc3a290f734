import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import type { AuditEvent } from '../model/audit-event.ts';
import type { AuditQuery } from './audit-query.ts';
import { type AuditLog, type AuditOptions, openAudit } from './open-audit.ts';
import { verifyExport } from './verify-export.ts';

function inFolder(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'toolgate-audit-'));
  const opened: AuditLog[] = [];
  // Also what a failing test left open: its thread would keep the process from ending.
  t.after(async () => {
    for (const audit of opened) await audit.close().catch(() => undefined);
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'audit.db');
  const open = async (options: Partial<AuditOptions> = {}) => {
    const audit = await openAudit({ file, signingKeyFile: join(folder, 'audit.key'), mode: 'strict', ...options });
    opened.push(audit);
    return audit;
  };
  /** Changes the stored log as somebody would who can write the file. */
  const tamper = (sql: string) => {
    const db = new DatabaseSync(file);
    db.exec(sql);
    db.close();
  };
  return { folder, file, open, tamper };
}

const intent = (requestId: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  phase: 'intent',
  action: 'tool.call',
  requestId,
  time: Date.now(),
  tenantId: 'default',
  ...more,
});
const outcome = (requestId: string, result: AuditEvent['outcome'] = 'ok'): AuditEvent => ({
  phase: 'outcome',
  action: 'tool.call',
  requestId,
  time: Date.now(),
  tenantId: 'default',
  outcome: result,
  durationMs: 5,
});

async function call(audit: AuditLog, requestId: string, more: Partial<AuditEvent> = {}) {
  await audit.intent(intent(requestId, more));
  audit.record(outcome(requestId));
}

const verify = (audit: AuditLog, expect?: string) =>
  verifyExport(audit.export(), { publicKey: audit.publicKey, expect });

const requests = async (audit: AuditLog, query: Partial<AuditQuery> = {}) => {
  const { entries } = await audit.search({ tenantId: 'default', action: 'tool.call', ...query });
  return entries.map(({ requestId }) => requestId);
};

test('what was acknowledged is there, joined with its outcome, and the export verifies', async (t) => {
  const audit = await inFolder(t).open();
  await call(audit, 'a', { principalId: 'usr_1', principalName: 'ada', target: 'echo', decision: 'allow' });
  await audit.intent(intent('b'));
  await audit.intent(intent('c', { decision: 'deny' }));
  await audit.flush();
  const { entries } = await audit.search({ tenantId: 'default', action: 'tool.call' });
  assert.deepEqual(
    entries.map((entry) => [entry.requestId, entry.outcome, entry.durationMs, entry.principalName]),
    [
      ['c', undefined, undefined, undefined],
      ['b', 'pending', undefined, undefined],
      ['a', 'ok', 5, 'ada'],
    ],
  );
  const report = await verify(audit);
  assert.deepEqual([report.ok, report.records, report.pendingOutcomes], [true, 5, 1]);
  await audit.close();
});

test('the chain goes on over restarts, and what a run left open is unknown', async (t) => {
  const { open } = inFolder(t);
  const first = await open();
  await first.intent(intent('lost'));
  await first.close();
  const second = await open();
  await call(second, 'kept');
  await second.flush();
  const { entries } = await second.search({ tenantId: 'default' });
  assert.deepEqual(
    entries.map(({ action, requestId, outcome }) => [action, requestId, outcome]),
    [
      ['tool.call', 'kept', 'ok'],
      ['audit.start', '', undefined],
      ['tool.call', 'lost', 'unknown'],
      ['audit.start', '', undefined],
    ],
  );
  assert.equal((entries[1]!.arguments as { closedInOrder: boolean }).closedInOrder, true);
  assert.deepEqual(await requests(second, { outcome: 'unknown' }), ['lost']);
  const report = await verify(second);
  assert.equal(report.ok, true);
  assert.deepEqual(
    report.unknownOutcomes.map(({ requestId }) => requestId),
    ['lost'],
  );
  assert.equal(second.publicKey, first.publicKey);
  await second.close();
});

test('search finds by every field, by name and id, by prefix and time, page by page', async (t) => {
  const audit = await inFolder(t).open({ mode: 'async' });
  const base = Date.now();
  for (let i = 0; i < 20; i++) {
    await call(audit, `r${i}`, {
      time: base + i,
      principalId: `usr_${i % 2}`,
      principalName: i % 2 === 0 ? 'ada' : 'bob',
      agentId: `key_${i % 4}`,
      agentName: `laptop ${i % 4}`,
      upstream: i < 10 ? 'github' : 'jira',
      target: i % 5 === 0 ? 'create_issue' : 'list',
      decision: i === 7 ? 'deny' : 'allow',
    });
  }
  audit.record({ phase: 'event', action: 'key.create', requestId: 'k', time: base, tenantId: 'default' });
  audit.record({ phase: 'event', action: 'key.revoke', requestId: 'other', time: base, tenantId: 'second' });
  await audit.flush();
  assert.equal((await requests(audit, { principal: 'ada' })).length, 10);
  assert.deepEqual(await requests(audit, { principal: 'usr_1', agent: 'laptop 3', upstream: 'jira' }), [
    'r19',
    'r15',
    'r11',
  ]);
  assert.deepEqual(await requests(audit, { tool: 'create_*', agent: 'key_0' }), ['r0']);
  assert.deepEqual(await requests(audit, { decision: 'deny' }), ['r7']);
  assert.deepEqual(await requests(audit, { from: base + 5, to: base + 7 }), ['r6', 'r5']);
  assert.deepEqual(await requests(audit, { action: 'key.*' }), ['k']);
  assert.deepEqual(await requests(audit, { action: 'key.*', tenantId: 'second' }), ['other']);
  assert.deepEqual(await requests(audit, { principal: "x' OR 1=1 --" }), []);
  assert.equal((await requests(audit, { outcome: 'ok' })).length, 20);
  const pages: string[] = [];
  let after: string | undefined;
  do {
    const page = await audit.search({ tenantId: 'default', action: 'tool.call', upstream: 'jira', limit: 3, after });
    pages.push(...page.entries.map(({ requestId }) => requestId));
    after = page.next ?? undefined;
  } while (after !== undefined);
  assert.deepEqual(
    pages,
    Array.from({ length: 10 }, (_, i) => `r${19 - i}`),
  );
  await audit.close();
});

test('a rare entry is found among many blocks of others, and time bounds leave blocks out rightly', async (t) => {
  const { open } = inFolder(t);
  const audit = await open({ mode: 'async' });
  const base = Date.now();
  for (let i = 0; i < 6000; i++) {
    await audit.intent(
      intent(`r${i}`, { time: base + i, principalName: i === 2500 ? 'rare' : `p${i % 7}`, decision: 'deny' }),
    );
  }
  await audit.flush();
  assert.deepEqual(await requests(audit, { principal: 'rare' }), ['r2500']);
  assert.deepEqual(await requests(audit, { principal: 'nobody' }), []);
  assert.deepEqual(await requests(audit, { from: base + 2500, to: base + 2501 }), ['r2500']);
  assert.equal((await requests(audit, { principal: 'p3', limit: 500 })).length, 500);
  await audit.close();
  const again = await open();
  assert.deepEqual(await requests(again, { principal: 'rare' }), ['r2500']);
  await again.close();
});

test('tail follows the records of a tenant in order without missing one', async (t) => {
  const audit = await inFolder(t).open();
  await call(audit, 'a');
  await audit.flush();
  const begin = await audit.tail({ tenantId: 'default', limit: 2 });
  assert.deepEqual(
    begin.records.map(({ phase, requestId }) => `${phase} ${requestId}`),
    ['intent a', 'outcome a'],
  );
  assert.deepEqual((await audit.tail({ tenantId: 'default', after: begin.next })).records, []);
  for (const id of ['b', 'c', 'd']) await call(audit, id);
  await audit.flush();
  const seen: string[] = [];
  for (let after = begin.next; ; ) {
    const page = await audit.tail({ tenantId: 'default', after, limit: 2 });
    if (page.records.length === 0) break;
    seen.push(...page.records.map(({ phase, requestId }) => `${phase} ${requestId}`));
    after = page.next;
  }
  assert.deepEqual(seen, ['intent b', 'outcome b', 'intent c', 'outcome c', 'intent d', 'outcome d']);
  await audit.close();
});

test('an edited, a deleted and an appended row are found and named by the export', async (t) => {
  for (const [sql, kind, seq] of [
    [`UPDATE records SET line = replace(line, 'r3', 'rX') WHERE seq = 5`, 'edited', 5],
    ['DELETE FROM records WHERE seq = 5', 'deleted', 5],
    ['INSERT INTO records SELECT 500, intent, hash, line FROM records WHERE seq = 5', undefined, undefined],
    ['DELETE FROM checkpoints WHERE number = 2', 'deleted', 9],
  ] as const) {
    const { open, tamper } = inFolder(t);
    const first = await open({ checkpointRecords: 3 });
    for (let i = 0; i < 8; i++) await first.intent(intent(`r${i}`));
    await first.close();
    tamper(sql);
    const second = await open();
    const report = await verify(second);
    assert.equal(report.ok, false, sql);
    if (kind) assert.deepEqual([report.firstFault?.kind, report.firstFault?.seq], [kind, seq], sql);
    await second.close();
  }
});

test('records cut from the end between two runs stay missing: noticed at the start, found for ever', async (t) => {
  const { open, tamper } = inFolder(t);
  const first = await open();
  for (let i = 0; i < 8; i++) await first.intent(intent(`r${i}`));
  await first.close();
  tamper('DELETE FROM records WHERE seq > 5');
  const notices: string[] = [];
  const second = await open({ onNotice: (text) => notices.push(text) });
  await call(second, 'later');
  assert.match(notices.join(), /Records 6 to 9 are missing/);
  const { firstFault } = await verify(second);
  assert.deepEqual([firstFault?.kind, firstFault?.seq], ['deleted', 6]);
  await second.close();
});

test('a log put back to an older state with its checkpoints is found with a checkpoint that was kept elsewhere', async (t) => {
  const { open, tamper } = inFolder(t);
  const first = await open();
  for (let i = 0; i < 8; i++) await first.intent(intent(`r${i}`));
  const kept = await first.checkpoint();
  await first.close();
  tamper('DELETE FROM records WHERE seq > 5; DELETE FROM checkpoints');
  const second = await open();
  assert.equal((await verify(second)).ok, true);
  const { firstFault } = await verify(second, kept);
  assert.deepEqual([firstFault?.kind, firstFault?.seq], ['truncated', 7]);
  await second.close();
});

test('checkpoints are signed every so many records, when time has passed, when asked for, and at the end', async (t) => {
  const lines: string[] = [];
  const byCount = await inFolder(t).open({ checkpointRecords: 4, onCheckpoint: (line) => lines.push(line) });
  for (let i = 0; i < 8; i++) await byCount.intent(intent(`r${i}`));
  const asked = await byCount.checkpoint();
  await byCount.close();
  const kinds = lines.map((line) => (JSON.parse(line) as { checkpoint: { kind: string } }).checkpoint.kind);
  assert.deepEqual(kinds, ['periodic', 'periodic', 'periodic', 'close']);
  assert.equal(lines[2], asked);
  const byTime = Promise.withResolvers<string>();
  const timed = await inFolder(t).open({ checkpointSeconds: 0.01, onCheckpoint: byTime.resolve });
  assert.match(await byTime.promise, /"kind":"periodic"/);
  await timed.close();
});

test('an export of any length is complete and verifies while records are being written', async (t) => {
  const audit = await inFolder(t).open({ mode: 'async', checkpointRecords: 100 });
  const load = (async () => {
    for (let i = 0; i < 4000; i++) {
      await call(audit, `r${i}`, { reason: 'x'.repeat(800) });
      if (i % 100 === 0) await audit.flush();
    }
  })();
  for (let i = 0; i < 3; i++) assert.equal((await verify(audit)).ok, true);
  await load;
  await audit.flush();
  const report = await verify(audit);
  assert.deepEqual([report.ok, report.records, report.pendingOutcomes], [true, 8001, 0]);
  await audit.close();
});

test('only one process at a time writes a log, and the log and its key are for their owner alone', async (t) => {
  const { file, open } = inFolder(t);
  const first = await open();
  await assert.rejects(open(), /Another process is writing the audit log/);
  for (const name of [file, `${file}-wal`, `${file}.reserve`]) assert.equal(statSync(name).mode & 0o077, 0, name);
  await first.close();
  await (await open()).close();
});

test('a folder that is not there is named', async (t) => {
  const { folder, open } = inFolder(t);
  const file = join(folder, 'missing', 'audit.db');
  await assert.rejects(open({ file }), (error: Error) => error.message.includes(file));
});

test('a log of a newer version is refused, naming both versions', async (t) => {
  const { open, tamper } = inFolder(t);
  await (await open()).close();
  tamper('PRAGMA user_version = 7');
  await assert.rejects(open(), /schema 7 .* knows 1/s);
});

test('a log that is removed while it is in use is noticed, and goes on with the hole visible', async (t) => {
  const { file, open } = inFolder(t);
  const noticed = Promise.withResolvers<string>();
  const audit = await open({ checkpointSeconds: 0.01, onNotice: noticed.resolve });
  await call(audit, 'before');
  await audit.flush();
  for (const suffix of ['', '-wal', '-shm']) renameSync(`${file}${suffix}`, `${file}.gone${suffix}`);
  assert.match(await noticed.promise, /removed or replaced/);
  await call(audit, 'after');
  await audit.flush();
  assert.ok(existsSync(file));
  const { firstFault } = await verify(audit);
  assert.deepEqual([firstFault?.kind, firstFault?.seq], ['deleted', 1]);
  await audit.close();
});

test('after close intents are refused and everything that was recorded is there', async (t) => {
  const { open } = inFolder(t);
  const audit = await open({ mode: 'async' });
  for (let i = 0; i < 50; i++) await call(audit, `r${i}`);
  await audit.close();
  await assert.rejects(
    audit.intent(intent('late')),
    (error) => error instanceof AppError && error.code === 'shutting_down',
  );
  const again = await open();
  assert.equal((await requests(again, { outcome: 'ok' })).length, 50);
  await again.close();
});
