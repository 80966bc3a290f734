/**
 * A process that keeps an audit log busy: `audit-load.ts FOLDER CONCURRENCY`. It notes in FOLDER/acknowledged what the log
 * has acknowledged, in a way that survives kill -9 (a write to a file is in the kernel once it returns):
 * `intent ID` when the intent resolved, `outcome ID` when a flush after it resolved, `refused ID` when it was refused.
 * Over IPC it says `ready` and every change of the writer's state; told `stop`, it ends its calls and closes the log.
 */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openAudit } from '../../src/audit/open-audit.ts';

const folder = process.argv[2]!;
const concurrency = Number(process.argv[3]);
const notes = openSync(join(folder, 'acknowledged'), 'a');
const note = (text: string) => writeSync(notes, `${text}\n`);
let stopping = false;

const audit = await openAudit({
  file: join(folder, 'audit.db'),
  signingKeyFile: join(folder, 'audit.key'),
  mode: 'strict',
  deadlineMs: Number(process.argv[4] ?? 2000),
  checkpointRecords: 50,
  retryMs: 50,
  onState: (state) => process.send?.({ state }),
});

const base = { action: 'tool.call', tenantId: 'default', upstream: 'fixture', target: 'echo' } as const;
let last = 0;

async function call(): Promise<void> {
  const requestId = `${process.pid}-${++last}`;
  try {
    await audit.intent({ ...base, phase: 'intent', requestId, time: Date.now(), arguments: { text: 'x'.repeat(200) } });
  } catch {
    note(`refused ${requestId}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return;
  }
  note(`intent ${requestId}`);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  audit.record({ ...base, phase: 'outcome', requestId, time: Date.now(), outcome: 'ok' });
  if (last % 10 === 0) await audit.flush().then(() => note(`outcome ${requestId}`));
}

async function caller(): Promise<void> {
  while (!stopping) await call();
}

process.on('message', (message) => {
  if (message === 'stop') stopping = true;
});
process.send?.({ ready: true });
await Promise.all(Array.from({ length: concurrency }, caller));
await audit.close();
process.disconnect?.();
