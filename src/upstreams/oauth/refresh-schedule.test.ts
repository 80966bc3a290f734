import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backOffMs, deadAt, keepAliveAt, renewAt } from './refresh-schedule.ts';

const HOUR = 3_600_000;

test('a token is refreshed in the last five minutes of an hour, and in the last quarter of a short life, never at its end', () => {
  for (const random of [0, 0.5, 0.999]) {
    const hour = { obtainedAt: 0, expiresAt: HOUR };
    const renew = renewAt(hour, () => random);
    assert.ok(renew < deadAt(hour) && deadAt(hour) < HOUR);
    assert.ok(HOUR - renew > 150_000 && HOUR - renew <= 310_000, String(HOUR - renew));
    const minute = { obtainedAt: 0, expiresAt: 60_000 };
    assert.ok(renewAt(minute, () => random) > 35_000 && renewAt(minute, () => random) < deadAt(minute));
  }
});

test('tokens that were issued together are not refreshed together', () => {
  const times = { obtainedAt: 0, expiresAt: HOUR };
  const spread = Array.from({ length: 200 }, () => renewAt(times));
  assert.ok(Math.max(...spread) - Math.min(...spread) > 60_000);
});

test('a token that does not end is never refreshed ahead', () => {
  assert.equal(renewAt({ obtainedAt: 0, expiresAt: null }), Number.POSITIVE_INFINITY);
  assert.equal(deadAt({ obtainedAt: 0, expiresAt: null }), Number.POSITIVE_INFINITY);
});

test('pauses grow with the failures, with jitter, up to a bound', () => {
  const half = () => 0.5;
  assert.deepEqual(
    [1, 2, 3, 4].map((failures) => backOffMs(failures, half)),
    [1000, 2000, 4000, 8000],
  );
  assert.equal(backOffMs(1000, half), 300_000);
  assert.notEqual(
    backOffMs(5, () => 0),
    backOffMs(5, () => 1),
  );
});

test('a refresh token is used before it dies of age, and not all the time', () => {
  assert.equal(keepAliveAt({ refreshExpiresAt: 1_000_000 + 30 * 60_000 }, 1_000_000), 1_000_000 + 15 * 60_000);
  assert.equal(keepAliveAt({ refreshExpiresAt: 1_000_000 + 60_000 }, 1_000_000), 1_000_000 + 300_000);
  assert.equal(keepAliveAt({ refreshExpiresAt: null }, 0), 7 * 24 * HOUR);
});
