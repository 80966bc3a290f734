import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AuditEvent } from '../model/audit-event.ts';
import { type AuditRecord, intentOf, recordLine } from './audit-record.ts';

const event: AuditEvent = { phase: 'intent', action: 'tool.call', requestId: 'req_1', time: 1, tenantId: 'default' };

test('a record is its number, its id and the event', () => {
  assert.deepEqual(JSON.parse(recordLine(7, 'w1', event)), { seq: 7, id: 'aud_w1_7', ...event });
});

test('a line feed, an ANSI sequence or a bidirectional override in any value cannot break or disguise the line', () => {
  const target = 'x\n{"seq":8,"id":"forged"}\r\u001b[2K\u202e\u2028';
  const line = recordLine(7, 'w1', { ...event, target });
  assert.match(line, /^[\x20-\x7e]+$/);
  assert.equal((JSON.parse(line) as AuditRecord).target, target);
});

test('the intent of an outcome is read from its line, and only from there', () => {
  assert.equal(intentOf(recordLine(9, 'w1', { ...event, phase: 'outcome' }, 7)), 7);
  assert.equal(intentOf(recordLine(9, 'w1', event)), null);
  fc.assert(
    fc.property(fc.string(), fc.option(fc.nat(), { nil: undefined }), (requestId, intent) => {
      assert.equal(intentOf(recordLine(9, 'w1', { ...event, requestId }, intent)), intent ?? null);
    }),
  );
});

test('an event of any size makes a record of at most 64 KB that says what was cut', () => {
  const huge = 'x'.repeat(1_000_000);
  const line = recordLine(1, 'w1', { ...event, target: huge, arguments: { huge }, response: huge });
  assert.ok(line.length < 64 * 1024);
  const record = JSON.parse(line) as AuditRecord;
  assert.equal(record.requestId, 'req_1');
  for (const value of [record.target, record.arguments, record.response]) assert.match(String(value), /\[cut: /);
});
