import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openAudit } from '../../src/audit/open-audit.ts';
import { verifyExport } from '../../src/audit/verify-export.ts';
import { AppError } from '../../src/errors/app-error.ts';
import { auditFolder, callsIn, smallDisk, until } from './audit-folder.ts';

const isUnavailable = (error: unknown) => error instanceof AppError && error.code === 'audit_unavailable';
const has = (command: string) => spawnSync(command, ['--version']).status === 0;

const base = { action: 'tool.call', tenantId: 'default' } as const;
const intent = (requestId: string) => ({ ...base, phase: 'intent', requestId, time: Date.now() }) as const;
const outcome = (requestId: string) =>
  ({ ...base, phase: 'outcome', requestId, time: Date.now(), outcome: 'ok' }) as const;

test('a file that may not grow: calls are refused, and go on by themselves when it may again', async (t) => {
  if (!has('prlimit')) return t.skip('needs prlimit (util-linux)');
  const { folder, load, noted, open } = auditFolder(t);
  const child = await load(16);
  const states: string[] = [];
  child.on('message', ({ state }: { state: string }) => states.push(state));
  const limit = (bytes: number | 'unlimited') =>
    execFileSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}:unlimited`]);
  for (let round = 0; round < 2; round++) {
    const { intent: before } = noted();
    await until('calls pass', () => noted().intent.length > before.length + 100);
    limit(statSync(join(folder, 'audit.db-wal')).size);
    const refused = noted().refused.length;
    await until('calls are refused', () => noted().refused.length > refused + 50);
    limit('unlimited');
    const { intent: during } = noted();
    await until('calls pass again', () => noted().intent.length > during.length + 100);
  }
  child.send('stop');
  assert.equal(((await once(child, 'exit')) as [number])[0], 0);
  assert.ok(states.includes('failing') && states.includes('ok'), states.join());

  const audit = await open();
  const calls = await callsIn(audit);
  const { intent: accepted, refused } = noted();
  for (const id of accepted) assert.equal(calls.get(id)?.outcome, 'ok', id);
  for (const id of refused) {
    const entry = calls.get(id);
    // Either never written, or visibly not made.
    if (entry) assert.deepEqual([entry.outcome, entry.errorCode], ['failed', 'audit_unavailable'], id);
  }
  const recovered = await audit.search({ tenantId: 'default', action: 'audit.recovered' });
  const counts = recovered.entries.map(({ arguments: what }) => (what as { refusedIntents: number }).refusedIntents);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    refused.length,
  );
  const report = await verifyExport(audit.export(), { publicKey: audit.publicKey });
  assert.deepEqual([report.ok, report.unknownOutcomes], [true, []]);
  await audit.close();
});

test('a full disk: new calls are refused, calls under way are recorded from the reserve, reading goes on', async (t) => {
  const mount = smallDisk(t, '16m');
  if (mount === null) return t.skip('needs the right to mount a small file system');
  const file = join(mount, 'audit.db');
  const audit = await openAudit({ file, signingKeyFile: join(mount, 'audit.key'), mode: 'strict', retryMs: 20 });
  const filler = join(mount, 'filler');
  const fill = () => {
    const { bavail, bsize } = statfsSync(mount);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
  };
  await audit.intent(intent('before'));
  for (let round = 0; round < 2; round++) {
    await audit.flush();
    fill();
    const underWay: string[] = [];
    await until('the disk is full', async () => {
      const id = `r${round}-${underWay.length}`;
      try {
        await audit.intent({ ...intent(id), reason: 'x'.repeat(20_000) });
        underWay.push(id);
        return false;
      } catch (error) {
        assert.ok(isUnavailable(error));
        return true;
      }
    });
    assert.equal(audit.stats().state, 'failing');
    assert.equal(existsSync(`${file}.reserve`), false);
    // What was under way ends, and is durable although nothing new may start.
    for (const id of underWay) audit.record(outcome(id));
    await audit.flush();
    await assert.rejects(audit.intent(intent('refused')), isUnavailable);
    const { entries } = await audit.search({ tenantId: 'default', action: 'tool.call', outcome: 'ok' });
    assert.ok(underWay.every((id) => entries.some(({ requestId }) => requestId === id)));
    assert.equal((await verifyExport(audit.export(), { publicKey: audit.publicKey })).ok, true);

    rmSync(filler);
    await until('writing works again', () => audit.stats().state === 'ok');
    assert.equal(existsSync(`${file}.reserve`), true);
    await audit.intent(intent(`after${round}`));
  }
  const calls = await callsIn(audit);
  assert.ok(!calls.has('refused'));
  await audit.close();
});

test('a disk without room for the reserve: the log opens, and refuses calls', async (t) => {
  const mount = smallDisk(t, '2m');
  if (mount === null) return t.skip('needs the right to mount a small file system');
  const state = Promise.withResolvers<string>();
  const audit = await openAudit({
    file: join(mount, 'audit.db'),
    signingKeyFile: join(mount, 'audit.key'),
    mode: 'strict',
    onState: state.resolve,
  });
  assert.equal(await state.promise, 'failing');
  await assert.rejects(audit.intent(intent('a')), isUnavailable);
  await audit.close();
});
