import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { openAudit } from '../../src/audit/open-audit.ts';
import { verifyExport } from '../../src/audit/verify-export.ts';
import { AppError } from '../../src/errors/app-error.ts';
import { auditFolder, callsIn, until } from './audit-folder.ts';

const isUnavailable = (error: unknown) => error instanceof AppError && error.code === 'audit_unavailable';

const base = { action: 'tool.call', tenantId: 'default' } as const;
const intent = (requestId: string) => ({ ...base, phase: 'intent', requestId, time: Date.now() }) as const;
const outcome = (requestId: string) =>
  ({ ...base, phase: 'outcome', requestId, time: Date.now(), outcome: 'ok' }) as const;

test('a writer that hangs in the file system: the waiting call is refused at the deadline, further ones at once', async (t) => {
  const { folder } = auditFolder(t);
  const file = join(folder, 'audit.db');
  const audit = await openAudit({ file, signingKeyFile: join(folder, 'audit.key'), mode: 'strict', deadlineMs: 100 });
  await audit.intent(intent('under way'));
  // The writer waits for this lock inside SQLite, as it would for a disk that does not answer.
  const foreign = new DatabaseSync(file);
  foreign.exec('BEGIN IMMEDIATE');
  await assert.rejects(audit.intent(intent('waiting')), isUnavailable);
  assert.equal(audit.stats().state, 'stalled');
  for (let i = 0; i < 100; i++) {
    const refused = audit.intent(intent(`late${i}`)).then(
      () => 'accepted',
      (error) => (isUnavailable(error) ? 'refused' : 'failed'),
    );
    // Before the event loop goes on, so that no deadline can have been waited for.
    assert.equal(await Promise.race([refused, setImmediate('waits')]), 'refused');
  }
  audit.record(outcome('under way'));
  // Reading does not wait for the writer.
  assert.equal((await audit.search({ tenantId: 'default', tool: 'none' })).entries.length, 0);
  foreign.exec('ROLLBACK');
  foreign.close();
  await until('writing works again', () => audit.stats().state === 'ok');
  await audit.intent(intent('after'));
  audit.record(outcome('after'));
  await audit.flush();
  const calls = await callsIn(audit);
  assert.deepEqual(
    [...calls.values()].map(({ requestId, outcome, errorCode }) => [requestId, outcome, errorCode]),
    [
      ['after', 'ok', undefined],
      ['waiting', 'failed', 'audit_unavailable'],
      ['under way', 'ok', undefined],
    ],
  );
  assert.equal((await verifyExport(audit.export(), { publicKey: audit.publicKey })).ok, true);
  await audit.close();
});

test('a log that cannot be written in time is closed all the same, and says how many records are lost', async (t) => {
  const { folder, open } = auditFolder(t);
  const audit = await open();
  await audit.intent(intent('a'));
  const foreign = new DatabaseSync(join(folder, 'audit.db'));
  foreign.exec('BEGIN IMMEDIATE');
  audit.record(outcome('a'));
  audit.record(outcome('b'));
  await assert.rejects(audit.close(50), /2 records were not written/);
  foreign.exec('ROLLBACK');
  foreign.close();
});

test('fsync that takes seconds: calls are refused meanwhile, and no acknowledged record is lost', async (t) => {
  if (spawnSync('strace', ['-o', '/dev/null', 'true']).status !== 0)
    return t.skip('needs strace and the right to use it');
  const { load, noted, open } = auditFolder(t);
  const child = await load(8, 200);
  const states: string[] = [];
  child.on('message', ({ state }: { state: string }) => states.push(state));
  await until('calls pass', () => noted().intent.length > 50);
  const syncs = 'fsync,fdatasync';
  const strace = spawn(
    'strace',
    [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      `trace=${syncs}`,
      '-e',
      `inject=${syncs}:delay_enter=1500000`,
      '-p',
      String(child.pid),
    ],
    { stdio: 'ignore' },
  );
  t.after(() => strace.kill('SIGKILL'));
  await until('calls are refused', () => noted().refused.length > 20);
  strace.kill('SIGINT');
  await once(strace, 'exit');
  const { intent: during } = noted();
  await until('calls pass again', () => noted().intent.length > during.length + 50);
  child.send('stop');
  assert.equal(((await once(child, 'exit')) as [number])[0], 0);
  assert.ok(states.includes('stalled'), states.join());

  const audit = await open();
  const calls = await callsIn(audit);
  const { intent: accepted, refused } = noted();
  for (const id of accepted) assert.equal(calls.get(id)?.outcome, 'ok', id);
  for (const id of refused) assert.ok((calls.get(id)?.outcome ?? 'failed') === 'failed', id);
  assert.equal((await verifyExport(audit.export(), { publicKey: audit.publicKey })).ok, true);
  await audit.close();
});
