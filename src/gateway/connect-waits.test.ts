import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import type { Upstream } from '../model/upstream.ts';
import { createConnectWaits } from './connect-waits.ts';

const ANN = { kind: 'user', id: 'usr_ann', name: 'ann' } as const;
const github = { name: 'github' } as Upstream;
const HOURS = 3_600_000;

function setUp(limits: { waitMs: number; lookMs: number }) {
  const state = { looks: 0, failure: 'connection_required' as 'connection_required' | 'upstream_unavailable' | null };
  const waits = createConnectWaits(async () => {
    state.looks++;
    if (state.failure !== null) throw new AppError(state.failure);
    return { id: 'ann', headers: [] };
  }, limits);
  const waiting = { upstream: github, owner: ANN, since: Date.now(), forMore: false };
  return { state, waits, waiting };
}

test('a request waits until its person has connected, also where another process heard of that', async () => {
  const { state, waits, waiting } = setUp({ waitMs: HOURS, lookMs: 1 });
  let over = false;
  const wait = waits.until(waiting).then(() => {
    over = true;
  });
  while (state.looks < 3) await new Promise(setImmediate);
  assert.equal(over, false);
  state.failure = null;
  await wait;
});

test('it goes on at once when it is heard here, without another look', async () => {
  const { state, waits, waiting } = setUp({ waitMs: HOURS, lookMs: HOURS });
  const wait = waits.until(waiting);
  while (state.looks < 1) await new Promise(setImmediate);
  waits.connected('github', ANN.id);
  await wait;
  assert.equal(state.looks, 1);
});

test('many requests that wait for the same account are one', async () => {
  const { state, waits, waiting } = setUp({ waitMs: HOURS, lookMs: HOURS });
  const all = Promise.all(Array.from({ length: 50 }, () => waits.until(waiting)));
  while (state.looks < 1) await new Promise(setImmediate);
  waits.connected('github', ANN.id);
  await all;
  assert.equal(state.looks, 1);
});

test('what somebody else connected, or at another upstream, ends no waiting', async () => {
  const { waits, waiting } = setUp({ waitMs: HOURS, lookMs: HOURS });
  let over = false;
  const wait = waits.until(waiting).then(() => {
    over = true;
  });
  waits.connected('github', 'usr_bob');
  waits.connected('gitlab', ANN.id);
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  assert.equal(over, false);
  waits.close();
  await wait;
});

test('it ends after its time, on another failure, and when the gateway ends', async () => {
  const short = setUp({ waitMs: 1, lookMs: 1 });
  await short.waits.until(short.waiting);
  const failing = setUp({ waitMs: HOURS, lookMs: HOURS });
  failing.state.failure = 'upstream_unavailable';
  await failing.waits.until(failing.waiting);
  const ending = setUp({ waitMs: HOURS, lookMs: HOURS });
  const wait = ending.waits.until(ending.waiting);
  ending.waits.close();
  await wait;
});

test('who needs more permissions waits for a new connection, since the old one can still be used', async () => {
  const { state, waits, waiting } = setUp({ waitMs: HOURS, lookMs: HOURS });
  state.failure = null;
  let over = false;
  const wait = waits.until({ ...waiting, forMore: true }).then(() => {
    over = true;
  });
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  assert.equal(over, false);
  waits.connected('github', ANN.id);
  await wait;
  // Connected after the question was asked: a request that comes later need not wait.
  await waits.until({ ...waiting, since: waiting.since - 1, forMore: true });
});
