import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEntry } from './audit-entry.ts';
import { createOutcomeJoiner } from './join-outcomes.ts';

const record = (seq: number, fields: Partial<AuditEntry>): AuditEntry => ({
  seq,
  phase: 'event',
  action: 'tool.call',
  time: seq,
  ...fields,
});

test('a call is shown when it has ended, with what its intent said', () => {
  const join = createOutcomeJoiner();
  assert.equal(join(record(1, { phase: 'intent', principalName: 'ann', target: 'read', decision: 'allow' })), null);
  const ended = join(record(2, { phase: 'outcome', intent: 1, outcome: 'ok' }))!;
  assert.deepEqual([ended.principalName, ended.target, ended.outcome], ['ann', 'read', 'ok']);
});

test('a denial and an event are shown at once', () => {
  const join = createOutcomeJoiner();
  const denial = record(1, { phase: 'intent', decision: 'deny' });
  assert.equal(join(denial), denial);
  assert.equal(join(record(2, {}))?.seq, 2);
});

test('an end whose beginning was not seen is shown as it is', () => {
  assert.equal(createOutcomeJoiner()(record(9, { phase: 'outcome', intent: 1 }))?.seq, 9);
});
