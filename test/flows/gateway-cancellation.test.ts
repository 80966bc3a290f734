/**
 * A cancelled call stops at the upstream, in the way of each era: a legacy client sends `notifications/cancelled`, a modern
 * one closes its answer; an upstream hears it as its own era and transport have it, under the id that it knows.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FakeBehaviour } from '../fakes/upstream-behaviour.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startSseUpstream } from '../fakes/upstream-sse.ts';
import { type Any, legacyClient, modernClient, modernRequest, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

type Name = 'legacy' | 'modern' | 'sse';
const NAMES: readonly Name[] = ['legacy', 'modern', 'sse'];
let fakes: Record<Name, FakeHttpUpstream>;
let gateway: PeopledGateway<'ann' | 'bob'>;
/** Labels of calls whose upstream heard that they were cancelled. */
const cancelled = new Set<string>();

/** A tool that says that it runs, then works until it is cancelled or released. */
function addTool(behaviour: FakeBehaviour): void {
  behaviour.tools.push({
    definition: { name: 'run', inputSchema: { type: 'object' } },
    async call({ label, quiet }, peer, request) {
      if (!quiet)
        peer.notify('notifications/progress', { progressToken: request.params._meta.progressToken, progress: 1 });
      running.add(label);
      const released = new Promise<void>((resolve) => releases.set(label, resolve));
      const stopped = new Promise<void>((resolve) => peer.signal.addEventListener('abort', () => resolve()));
      await Promise.race([stopped, released]);
      if (peer.signal.aborted) cancelled.add(label);
      return { content: [{ type: 'text', text: `end of ${label}` }] };
    },
  });
}
const running = new Set<string>();
const releases = new Map<string, () => void>();
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await setTimeout(5);
};

before(async () => {
  fakes = { legacy: await startLegacyUpstream(), modern: await startModernUpstream(), sse: await startSseUpstream() };
  for (const { behaviour } of Object.values(fakes)) addTool(behaviour);
  gateway = await startWithPeople({
    people: { ann: { roles: ['full-access'] }, bob: { roles: ['full-access'] } },
    config: {
      upstreams: NAMES.map((name) => ({
        name,
        url: fakes[name].url,
        ...(name === 'sse' && { transport: 'sse' }),
      })),
    },
  });
});

after(async () => {
  for (const fake of Object.values(fakes)) await fake.close();
  await gateway.close();
});

/** The last thing that the audit log knows of a call. */
async function outcomeOf(label: string): Promise<Any> {
  await gateway.admin('POST', '/audit/checkpoints');
  const { body } = await gateway.admin('GET', '/audit/events?limit=200&tool=run');
  return body.items.find((item: Any) => item.arguments.label === label);
}

const progress = { meta: { progressToken: 'token' } };

for (const upstream of NAMES) {
  for (const quiet of [false, true]) {
    const how = quiet ? 'before anything came back' : 'in the middle of its answer';
    test(`legacy client, ${upstream} upstream: notifications/cancelled ${how} stops that call and no other`, {
      timeout: 30_000,
    }, async () => {
      const ann = await legacyClient(`${gateway.url}/mcp`, gateway.keys.ann);
      const bob = await legacyClient(`${gateway.url}/mcp`, gateway.keys.bob);
      const [mine, other, his] = ['mine', 'other', 'his'].map((who) => `${who} ${upstream} ${quiet}`) as [
        string,
        string,
        string,
      ];
      const params = (label: string) => ({ name: `${upstream}__run`, arguments: { label, quiet } });
      // Two clients with the same request id.
      const stopped = ann.open('tools/call', params(mine), { id: 77, ...progress });
      const going = ann.request('tools/call', params(other), { id: 78, ...progress });
      const bobs = bob.request('tools/call', params(his), { id: 77, ...progress });
      await until(() => [mine, other, his].every((label) => running.has(label)));
      const told = await ann.notify('notifications/cancelled', { requestId: 77, reason: 'no longer needed' });
      assert.equal(told.status, 202);
      await until(() => cancelled.has(mine));
      const answer = await stopped;
      await answer.closed;
      assert.deepEqual(
        answer.messages.filter(({ method }) => method === undefined),
        [],
        'no response to what was cancelled',
      );
      for (const label of [other, his]) {
        assert.equal(cancelled.has(label), false);
        releases.get(label)!();
      }
      assert.equal(textOf(await going), `end of ${other}`);
      assert.equal(textOf(await bobs), `end of ${his}`);
      assert.equal((await outcomeOf(mine)).outcome, 'cancelled');
      assert.equal((await outcomeOf(other)).outcome, 'ok');
    });

    test(`modern client, ${upstream} upstream: closing its answer ${how} stops that call and no other`, {
      timeout: 30_000,
    }, async () => {
      const ann = modernClient(`${gateway.url}/mcp/${upstream}`, gateway.keys.ann);
      const [mine, other] = ['mine', 'other'].map((who) => `${who} modern ${upstream} ${quiet}`) as [string, string];
      const params = (label: string) => ({ name: 'run', arguments: { label, quiet } });
      const going = ann.request('tools/call', params(other), { id: 1, ...progress });
      const hangUp = quiet
        ? await hangUpEarly(upstream, params(mine))
        : await ann.open('tools/call', params(mine), { id: 1, ...progress });
      await until(() => [mine, other].every((label) => running.has(label)));
      hangUp.close();
      await until(() => cancelled.has(mine));
      assert.equal(cancelled.has(other), false);
      releases.get(other)!();
      assert.equal(textOf(await going), `end of ${other}`);
      assert.equal((await outcomeOf(mine)).outcome, 'cancelled');
    });
  }
}

/** A request that can be cut before its answer begins. */
async function hangUpEarly(upstream: Name, params: object): Promise<{ close(): void }> {
  const { body, headers } = modernRequest('tools/call', params, { id: 1, ...progress });
  const req = request(`${gateway.url}/mcp/${upstream}`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${gateway.keys.ann}`, 'content-type': 'application/json' },
  });
  req.on('error', () => {});
  req.end(JSON.stringify(body));
  return { close: () => req.destroy() };
}

test('a legacy client that only lost its connection has cancelled nothing', { timeout: 30_000 }, async () => {
  for (const upstream of NAMES) {
    const ann = await legacyClient(`${gateway.url}/mcp`, gateway.keys.ann);
    const label = `lost ${upstream}`;
    const answer = await ann.open('tools/call', { name: `${upstream}__run`, arguments: { label } }, progress);
    await answer.find(({ method }) => method === 'notifications/progress');
    answer.close();
    await setTimeout(100);
    assert.equal(cancelled.has(label), false, upstream);
    releases.get(label)!();
    for (;;) {
      const record = await outcomeOf(label);
      if (record.outcome === 'ok') break;
      assert.equal(record.outcome, 'pending');
      await setTimeout(10);
    }
  }
});

test('cancelling what is unknown, over, somebody else’s, or not a request changes nothing', {
  timeout: 30_000,
}, async () => {
  const ann = await legacyClient(`${gateway.url}/mcp`, gateway.keys.ann);
  const bob = await legacyClient(`${gateway.url}/mcp`, gateway.keys.bob);
  const label = 'going on';
  const going = ann.request('tools/call', { name: 'legacy__run', arguments: { label } }, { id: 5, ...progress });
  await until(() => running.has(label));
  for (const requestId of [5, '5', 4, 0, 'init', null, {}, [5], '__proto__']) {
    assert.equal((await bob.notify('notifications/cancelled', { requestId })).status, 202);
    if (requestId !== 5) assert.equal((await ann.notify('notifications/cancelled', { requestId })).status, 202);
  }
  assert.equal((await ann.notify('notifications/cancelled')).status, 202);
  await setTimeout(50);
  assert.equal(cancelled.has(label), false);
  releases.get(label)!();
  assert.equal(textOf(await going), `end of ${label}`);
});

test('what is cancelled while its upstream is still being connected never reaches it', {
  timeout: 30_000,
}, async () => {
  const slow = await startLegacyUpstream();
  const waiting = await startWithPeople({
    people: { ann: { roles: ['full-access'] } },
    config: { upstreams: [{ name: 'slow', url: slow.url }] },
  });
  try {
    const ann = await legacyClient(`${waiting.url}/mcp`, waiting.keys.ann);
    slow.faults.push({ kind: 'slow', ms: 400, on: ({ message }) => message?.params?.clientInfo?.name === 'test' });
    const stopped = ann.open('tools/call', { name: 'slow__delete', arguments: {} }, { id: 3 });
    await setTimeout(100);
    await ann.notify('notifications/cancelled', { requestId: 3 });
    await (await stopped).closed;
    await setTimeout(600);
    assert.deepEqual(slow.calls('tools/call'), []);
    const next = await ann.request('tools/call', { name: 'slow__echo', arguments: { text: 'next' } });
    assert.equal(textOf(next), 'next');
  } finally {
    await waiting.close();
    await slow.close();
  }
});
