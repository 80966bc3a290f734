import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyExport } from '../../src/audit/verify-export.ts';
import { auditFolder, callsIn, until } from './audit-folder.ts';

const ROUNDS = 8;

test('kill -9 again and again under load loses no acknowledged record and leaves a chain that verifies', async (t) => {
  const { load, noted, open } = auditFolder(t);
  let kept: string | undefined;
  let unknown = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = round === 0 ? 0 : noted().intent.length;
    const child = await load(16);
    await until('some calls', () => noted().intent.length > before + 100);
    await sleep(Math.random() * 50);
    child.kill('SIGKILL');
    await once(child, 'exit');

    const audit = await open();
    const calls = await callsIn(audit);
    const { intent, outcome } = noted();
    for (const id of intent) assert.ok(calls.has(id), `the acknowledged intent ${id} is lost`);
    for (const id of outcome) assert.equal(calls.get(id)?.outcome, 'ok', `the acknowledged outcome of ${id} is lost`);
    for (const [id, { outcome }] of calls) assert.ok(outcome === 'ok' || outcome === 'unknown', `${id}: ${outcome}`);

    const report = await verifyExport(audit.export(), { publicKey: audit.publicKey, expect: kept });
    assert.equal(report.ok, true, JSON.stringify(report.firstFault));
    const missing = [...calls.values()]
      .filter(({ outcome }) => outcome === 'unknown')
      .map(({ requestId }) => requestId);
    assert.deepEqual(report.unknownOutcomes.map(({ requestId }) => requestId).sort(), missing.sort());
    unknown = missing.length;
    kept = await audit.checkpoint();
    await audit.close();
  }
  assert.ok(unknown > 0, 'calls were under way when the process was killed');
});

test('a process that stops in order leaves nothing unknown', async (t) => {
  const { load, noted, open } = auditFolder(t);
  const child = await load(8);
  await until('some calls', () => noted().intent.length > 100);
  child.send('stop');
  const [code] = (await once(child, 'exit')) as [number];
  assert.equal(code, 0);
  const audit = await open();
  const calls = await callsIn(audit);
  assert.equal(calls.size, noted().intent.length);
  for (const { outcome } of calls.values()) assert.equal(outcome, 'ok');
  await audit.close();
});
