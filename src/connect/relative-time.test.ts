import assert from 'node:assert/strict';
import { test } from 'node:test';
import { relativeTime, utcMinute } from './relative-time.ts';

const NOW = Date.UTC(2026, 10, 21, 12, 0, 30);

test('times are said as people say them, in both directions', () => {
  const cases: [number, string][] = [
    [0, 'just now'],
    [-59_000, 'just now'],
    [30_000, 'in a moment'],
    [-60_000, '1 minute ago'],
    [52 * 60_000, 'in 52 minutes'],
    [-3_600_000, '1 hour ago'],
    [-86_400_000, 'yesterday'],
    [90 * 86_400_000, 'in 90 days'],
  ];
  for (const [distance, text] of cases) assert.equal(relativeTime(NOW + distance, NOW), text);
  assert.equal(utcMinute(NOW), '2026-11-21 12:00 UTC');
});
