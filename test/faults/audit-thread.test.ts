import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { test } from 'node:test';
import { verifyExport } from '../../src/audit/verify-export.ts';
import { auditFolder, callsIn, until } from './audit-folder.ts';

const base = { action: 'tool.call', tenantId: 'default' } as const;

test('a writer thread that dies is started again into the same chain, and no acknowledged record is lost', async (t) => {
  const { open } = auditFolder(t);
  const inspector = new Session();
  inspector.connect();
  t.after(() => inspector.disconnect());
  const workers: string[] = [];
  inspector.on('NodeWorker.attachedToWorker', ({ params }) => workers.push(params.sessionId));
  await inspector.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  const audit = await open();

  const accepted: string[] = [];
  let ending = false;
  async function caller(name: string) {
    for (let i = 0; !ending; i++) {
      const requestId = `${name}-${i}`;
      try {
        await audit.intent({ ...base, phase: 'intent', requestId, time: Date.now() });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      accepted.push(requestId);
      audit.record({ ...base, phase: 'outcome', requestId, time: Date.now(), outcome: 'ok' });
    }
  }
  const callers = ['a', 'b', 'c', 'd', 'e', 'f'].map(caller);
  for (let round = 1; round <= 3; round++) {
    await until('the thread runs', () => workers.length === round && audit.stats().state === 'ok');
    const { length } = accepted;
    await until('calls pass', () => accepted.length > length + 50);
    const message = JSON.stringify({
      id: round,
      method: 'Runtime.evaluate',
      params: { expression: 'process.exit(1)' },
    });
    await inspector.post('NodeWorker.sendMessageToWorker', { sessionId: workers[round - 1]!, message });
    await until('the end is noticed', () => audit.stats().state === 'failing');
  }
  await until('writing works again', () => audit.stats().state === 'ok');
  ending = true;
  await Promise.all(callers);
  await audit.flush();
  const calls = await callsIn(audit);
  for (const id of accepted) assert.equal(calls.get(id)?.outcome, 'ok', id);
  for (const [id, { outcome }] of calls) assert.ok(accepted.includes(id) || outcome === 'failed', id);
  const report = await verifyExport(audit.export(), { publicKey: audit.publicKey });
  assert.deepEqual([report.ok, report.pendingOutcomes], [true, 0], JSON.stringify(report.firstFault));
  await audit.close();
});
