import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAttemptLimiter } from './attempt-limiter.ts';

test('attempts are counted for each key, until the window is over', () => {
  let time = 0;
  const limiter = createAttemptLimiter({ attempts: 2, windowMs: 100, now: () => time });
  assert.deepEqual(
    [1, 2, 3, 4].map(() => limiter.excess('a')),
    [0, 0, 1, 2],
  );
  assert.equal(limiter.excess('b'), 0);
  time = 100;
  assert.equal(limiter.excess('a'), 0);
});

test('an attempt that was right does not count', () => {
  const limiter = createAttemptLimiter({ attempts: 1, windowMs: 100, now: () => 0 });
  for (let i = 0; i < 5; i++) {
    assert.equal(limiter.excess('a'), 0);
    limiter.refund('a');
  }
  limiter.refund('unknown');
});

test('more keys than there is room for push out those that were not used for longest', () => {
  const limiter = createAttemptLimiter({ attempts: 1, windowMs: 100, capacity: 2, now: () => 0 });
  limiter.excess('a');
  limiter.excess('b');
  assert.equal(limiter.excess('a'), 1);
  limiter.excess('c');
  assert.deepEqual([limiter.excess('a'), limiter.excess('c')], [2, 1]);
});

test('all addresses of one IPv6 network count as one, and those of another do not', () => {
  const limiter = createAttemptLimiter({ attempts: 2, windowMs: 1000, now: () => 0 });
  assert.equal(limiter.excess('2001:db8:1:2::1'), 0);
  assert.equal(limiter.excess('2001:db8:1:2:ffff::'), 0);
  assert.equal(limiter.excess('2001:db8:1:2:3:4:5:6'), 1);
  assert.equal(limiter.excess('2001:db8:1:3::1'), 0);
  assert.equal(limiter.excess('2001:db8::1:2:3:4:5'), 0, '2001:db8:0:1');
  limiter.refund('2001:db8:1:2::9');
  assert.equal(limiter.excess('2001:db8:1:2::9'), 1);
  assert.equal(limiter.excess('::1'), 0);
});
