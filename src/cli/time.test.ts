import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationOption, formatAgo, formatMinute, futureOption, parseDuration, pastOption } from './time.ts';

const NOW = Date.UTC(2026, 6, 28, 12);
const DAY = 86_400_000;

test('durations have a unit', () => {
  assert.equal(parseDuration('90d'), 90 * DAY);
  assert.equal(parseDuration('2w'), 14 * DAY);
  assert.equal(parseDuration('0s'), 0);
  for (const bad of ['', '90', 'd', '-1d', '1.5h', '1y', '90 d']) assert.equal(parseDuration(bad), null, bad);
});

test('an option that takes a time says how to write one', () => {
  assert.throws(() => durationOption('--overlap', 'soon'), {
    message: /^--overlap takes a duration such as/,
    exitCode: 2,
  });
  assert.throws(() => futureOption('--expires', '31.1.2027'), { message: /^--expires takes/, exitCode: 2 });
  assert.throws(() => pastOption('--from', '2027-13-45'), { exitCode: 2 });
});

test('a time to come is a duration, a date or never', () => {
  assert.equal(futureOption('--expires', '1d', NOW), NOW + DAY);
  assert.equal(futureOption('--expires', '2027-01-31', NOW), Date.UTC(2027, 0, 31));
  assert.equal(futureOption('--expires', 'never', NOW), null);
});

test('a time in the past is a duration or a date', () => {
  assert.equal(pastOption('--from', '1d', NOW), NOW - DAY);
  assert.equal(pastOption('--from', '2026-07-01T10:00Z', NOW), Date.UTC(2026, 6, 1, 10));
});

test('times are shown in UTC', () => {
  assert.equal(formatMinute(NOW), '2026-07-28 12:00Z');
  assert.equal(formatAgo(NOW - 5 * 60_000, NOW), '5 min ago');
  assert.equal(formatAgo(NOW - 3 * DAY, NOW), '3 d ago');
});
