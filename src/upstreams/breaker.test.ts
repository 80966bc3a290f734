import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { createBreaker } from './breaker.ts';
import { createBulkhead } from './bulkhead.ts';
import { createCallGuard } from './call-guard.ts';

function clocked(options: { threshold?: number } = {}) {
  let time = 0;
  const opened: number[] = [];
  const breaker = createBreaker({
    threshold: 3,
    openMs: 1000,
    maxOpenMs: 4000,
    onOpen: (ms) => opened.push(ms),
    now: () => time,
    ...options,
  });
  return { breaker, opened, pass: (ms: number) => (time += ms) };
}

test('it opens after failures in a row, and not when one success is between them', () => {
  const { breaker } = clocked();
  for (const outcome of ['fail', 'fail', 'succeed', 'fail', 'fail'] as const) breaker[outcome]();
  assert.equal(breaker.state, 'closed');
  breaker.fail();
  assert.equal(breaker.state, 'open');
  assert.equal(breaker.admit(), false);
});

test('one probe is let through when the time is over; its success closes, its failure opens for longer', () => {
  const { breaker, opened, pass } = clocked();
  for (let i = 0; i < 3; i++) breaker.fail();
  pass(1250);
  assert.equal(breaker.state, 'half-open');
  assert.deepEqual([breaker.admit(), breaker.admit()], [true, false]);
  breaker.fail();
  assert.equal(breaker.state, 'open');
  assert.ok(opened[0]! >= 1000 && opened[0]! <= 1250);
  assert.ok(opened[1]! >= 2000 && opened[1]! <= 2500);
  pass(2500);
  assert.equal(breaker.admit(), true);
  breaker.succeed();
  assert.deepEqual([breaker.state, breaker.admit(), breaker.admit()], ['closed', true, true]);
});

test('the waiting time has an upper bound', () => {
  const { breaker, opened, pass } = clocked();
  for (let i = 0; i < 3; i++) breaker.fail();
  for (let i = 0; i < 30; i++) {
    pass(5000);
    breaker.admit();
    breaker.fail();
  }
  assert.ok(opened.every((ms) => ms <= 5000));
});

test('a probe whose caller went away makes room for the next one', () => {
  const { breaker, pass } = clocked();
  for (let i = 0; i < 3; i++) breaker.fail();
  pass(1250);
  breaker.admit();
  breaker.release();
  assert.equal(breaker.admit(), true);
});

test('calls from before that fail while it is open do not prolong it', () => {
  const { breaker, opened } = clocked();
  for (let i = 0; i < 10; i++) breaker.fail();
  assert.equal(opened.length, 1);
});

test('the guard gives a place back however a call ends, and a refused call takes none', () => {
  const bulkhead = createBulkhead(2);
  const { breaker } = clocked({ threshold: 1 });
  const guard = createCallGuard('jira', bulkhead, breaker);
  assert.deepEqual([guard.enter(), guard.enter()], [undefined, undefined]);
  assert.equal(guard.enter()?.code, 'upstream_busy');
  guard.leave();
  guard.leave(new AppError('upstream_timeout'));
  assert.equal(bulkhead.inFlight, 0);
  assert.equal(guard.enter()?.code, 'upstream_unavailable');
  assert.equal(bulkhead.inFlight, 0);
});

test('the guard keeps the last failure until a sign of life, and what is only observed does not move the breaker', () => {
  const { breaker } = clocked({ threshold: 2 });
  const guard = createCallGuard('jira', createBulkhead(2), breaker);
  const failure = () => guard.failure?.code;
  guard.enter();
  guard.leave(new AppError('upstream_timeout'));
  assert.equal(failure(), 'upstream_timeout');
  guard.enter();
  guard.leave();
  assert.equal(failure(), 'upstream_timeout', 'a caller that went away says nothing');
  guard.enter();
  guard.alive();
  guard.leave();
  assert.equal(failure(), undefined);
  for (let i = 0; i < 5; i++) guard.observe(new AppError('upstream_unavailable'));
  assert.deepEqual([failure(), breaker.state], ['upstream_unavailable', 'closed']);
  guard.observe(undefined);
  assert.equal(failure(), undefined);
});
