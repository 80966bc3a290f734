import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { AppError } from '../errors/app-error.ts';
import type { AuditEvent } from '../model/audit-event.ts';
import type { AuditRecord } from './audit-record.ts';
import { type QueueOptions, WriteQueue } from './write-queue.ts';

/** A queue whose batches are answered by the test, in the place of the writer thread. */
function start(options: Partial<QueueOptions> = {}) {
  const sent: string[] = [];
  const states: string[] = [];
  const queue = new WriteQueue(0, {
    mode: 'strict',
    deadlineMs: 60_000,
    maxQueuedRecords: 1000,
    maxQueuedBytes: 1_000_000,
    retryMs: 1,
    tenantId: 'default',
    writer: 'w',
    send: (batch) => sent.push(batch),
    sendBlock: () => undefined,
    onState: (state) => states.push(state),
    ...options,
  });
  const nextBatch = async (): Promise<AuditRecord[]> => {
    while (sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const batch = sent.shift()!;
    return batch === '' ? [] : batch.split('\n').map((line) => JSON.parse(line) as AuditRecord);
  };
  return { queue, sent, states, nextBatch };
}

const event = (phase: AuditEvent['phase'], requestId: string): AuditEvent => ({
  phase,
  action: phase === 'event' ? 'auth.refused' : 'tool.call',
  requestId,
  time: 1,
  tenantId: 'default',
  ...(phase === 'outcome' ? { outcome: 'ok' } : {}),
});

const isUnavailable = (error: unknown) => error instanceof AppError && error.code === 'audit_unavailable';
const brief = ({ seq, phase, requestId, intent, outcome, errorCode }: AuditRecord) =>
  [seq, phase, requestId, intent, outcome, errorCode].filter((part) => part !== undefined).join(' ');

test('an intent waits for the batch that holds it, and what comes meanwhile is the next batch', async () => {
  const { queue, nextBatch } = start();
  const settled: string[] = [];
  const intend = (id: string) => queue.intent(event('intent', id)).then(() => settled.push(id));
  const first = intend('a');
  assert.deepEqual((await nextBatch()).map(brief), ['1 intent a']);
  const others = [intend('b'), intend('c')];
  queue.record(event('outcome', 'a'));
  await turn();
  assert.deepEqual(settled, []);
  queue.acknowledge(1, null);
  await first;
  assert.deepEqual(settled, ['a']);
  assert.deepEqual((await nextBatch()).map(brief), ['2 intent b', '3 intent c', '4 outcome a 1 ok']);
  queue.acknowledge(4, null);
  await Promise.all(others);
  assert.deepEqual(queue.stats().openIntents, 2);
  queue.close();
});

test('an intent that the disk does not answer is refused at the deadline, and followed by a failed outcome', async () => {
  const { queue, nextBatch, states } = start({ deadlineMs: 20 });
  const intent = queue.intent(event('intent', 'a'));
  await nextBatch();
  await assert.rejects(intent, isUnavailable);
  await assert.rejects(queue.intent(event('intent', 'b')), isUnavailable);
  assert.deepEqual(states, ['stalled']);
  queue.acknowledge(1, null);
  const [outcome, recovered] = await nextBatch();
  assert.equal(brief(outcome!), '2 outcome a 1 failed audit_unavailable');
  assert.equal(recovered!.action, 'audit.recovered');
  assert.equal((recovered!.arguments as { refusedIntents: number }).refusedIntents, 2);
  assert.equal(queue.stats().openIntents, 0);
  assert.deepEqual(states, ['stalled', 'ok']);
  queue.acknowledge(3, null);
  queue.close();
});

test('while writing fails intents are refused at once and unwritten, outcomes are kept, and the batch is sent again', async () => {
  const { queue, nextBatch, states } = start();
  const running = queue.intent(event('intent', 'running'));
  await nextBatch();
  queue.acknowledge(1, null);
  await running;
  const waiting = queue.intent(event('intent', 'waiting'));
  const batch = await nextBatch();
  queue.fail('disk full');
  await assert.rejects(waiting, isUnavailable);
  await assert.rejects(queue.intent(event('intent', 'late')), isUnavailable);
  queue.record(event('outcome', 'running'));
  assert.deepEqual(await nextBatch(), batch);
  queue.fail('disk full');
  assert.deepEqual(await nextBatch(), batch);
  queue.acknowledge(2, null);
  const rest = await nextBatch();
  assert.deepEqual(rest.slice(0, 2).map(brief), [
    '3 outcome waiting 2 failed audit_unavailable',
    '4 outcome running 1 ok',
  ]);
  assert.equal(rest[2]!.action, 'audit.recovered');
  assert.deepEqual(states, ['failing', 'ok']);
  queue.close();
});

test('on a full disk with a reserve the outcomes are still written and new intents refused, until there is space', async () => {
  const { queue, nextBatch } = start();
  const first = queue.intent(event('intent', 'a'));
  await nextBatch();
  queue.acknowledge(1, 'disk full');
  await first;
  await assert.rejects(queue.intent(event('intent', 'b')), isUnavailable);
  queue.record(event('outcome', 'a'));
  assert.deepEqual((await nextBatch()).map(brief), ['2 outcome a 1 ok']);
  queue.acknowledge(2, 'disk full');
  assert.deepEqual(await nextBatch(), []);
  queue.acknowledge(2, null);
  assert.equal(queue.stats().state, 'ok');
  queue.close();
});

test('async: an intent resolves at once, and is refused when the queue is full', async () => {
  const { queue, nextBatch } = start({ mode: 'async', maxQueuedRecords: 3 });
  for (const id of ['a', 'b', 'c']) await queue.intent(event('intent', id));
  await assert.rejects(queue.intent(event('intent', 'd')), isUnavailable);
  queue.fail('disk full');
  await assert.rejects(queue.intent(event('intent', 'd')), isUnavailable);
  for (const id of ['a', 'b', 'c']) queue.record(event('outcome', id));
  const first = await nextBatch();
  queue.acknowledge(first.at(-1)!.seq, null);
  await queue.intent(event('intent', 'd'));
  queue.close();
});

test('a queue that is full by size refuses as well', async () => {
  const { queue } = start({ mode: 'async', maxQueuedBytes: 1000 });
  await queue.intent({ ...event('intent', 'a'), target: 'x'.repeat(1000) });
  await assert.rejects(queue.intent(event('intent', 'b')), isUnavailable);
  queue.close();
});

test('a flood of events is counted instead of kept once it fills half the queue, and refuses no call', async () => {
  const { queue, nextBatch } = start({ mode: 'async', maxQueuedRecords: 10 });
  for (let i = 0; i < 100; i++) queue.record(event('event', `e${i}`));
  await queue.intent(event('intent', 'a'));
  queue.record(event('outcome', 'a'));
  const batch = await nextBatch();
  assert.equal(batch.length, 7);
  queue.acknowledge(7, null);
  const [recovered] = await nextBatch();
  assert.deepEqual((recovered!.arguments as { droppedEvents: unknown }).droppedEvents, { 'auth.refused': 95 });
  queue.close();
});

test('flush waits for everything that was queued before it', async () => {
  const { queue, nextBatch } = start();
  await queue.flush();
  queue.record(event('event', 'e'));
  let flushed = false;
  const flush = queue.flush().then(() => {
    flushed = true;
  });
  await nextBatch();
  await turn();
  assert.equal(flushed, false);
  queue.acknowledge(1, null);
  await flush;
  queue.close();
});

test('a closed queue refuses what waits and what comes', async () => {
  const { queue, nextBatch } = start();
  const waiting = queue.intent(event('intent', 'a'));
  await nextBatch();
  queue.close();
  await assert.rejects(waiting, AppError);
  await assert.rejects(
    queue.intent(event('intent', 'b')),
    (error) => error instanceof AppError && error.code === 'shutting_down',
  );
  queue.record(event('event', 'e'));
});

test('a denied intent waits for no outcome', async () => {
  const { queue } = start({ mode: 'async' });
  await queue.intent({ ...event('intent', 'a'), decision: 'deny' });
  assert.equal(queue.stats().openIntents, 0);
  queue.close();
});
