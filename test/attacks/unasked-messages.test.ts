/**
 * What an upstream says unasked reaches everybody who listens to it, and many servers tell each client of each resource.
 * A name alone says something: nobody hears of what they may not use, of no upstream and no resource.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, legacyClient, modernClient, type OpenAnswer } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

type Name = 'reader' | 'loser';
const STDIO = [process.execPath, new URL('../fakes/upstream-stdio.ts', import.meta.url).pathname];
const UPDATED = 'notifications/resources/updated';
let legacy: FakeLegacyUpstream;
let modern: FakeHttpUpstream;
let gateway: PeopledGateway<Name>;

before(async () => {
  legacy = await startLegacyUpstream();
  modern = await startModernUpstream();
  gateway = await startWithPeople({
    roles: { process: { allow: [{ upstream: 'process' }] }, 'legacy-all': { allow: [{ upstream: 'legacy' }] } },
    people: {
      reader: {
        allow: [
          { upstream: '*', tools: ['*'] },
          { upstream: '*', resources: ['test://one', 'test://item/*'] },
        ],
      },
      loser: { allow: [{ upstream: 'process', tools: ['announce'] }], roles: ['process', 'legacy-all'] },
    },
    config: {
      upstreams: [
        { name: 'legacy', url: legacy.url },
        { name: 'modern', url: modern.url },
        { name: 'process', command: STDIO },
      ],
    },
  });
});

after(async () => {
  await legacy.close();
  await modern.close();
  await gateway.close();
});

const urisOf = ({ messages }: OpenAnswer): string[] =>
  messages.filter(({ method }) => method === UPDATED).map(({ params }) => params.uri);

/** Has these announced until the last of them, which may be heard, was heard. */
async function announceUntilHeard(
  fake: Pick<FakeHttpUpstream, 'announce'>,
  stream: OpenAnswer,
  uris: string[],
): Promise<void> {
  while (!urisOf(stream).includes(uris.at(-1)!)) {
    for (const uri of uris) fake.announce(UPDATED, { uri });
    await setTimeout(10);
  }
}

test('updates of resources that the caller may not read are left out, and those that it may read come', {
  timeout: 30_000,
}, async () => {
  const old = await legacyClient(`${gateway.url}/mcp/legacy`, gateway.keys.reader);
  const stream = await old.listen();
  await old.request('tools/call', { name: 'echo', arguments: {} });
  await announceUntilHeard(legacy, stream, ['test://two', 'secret://three', 'test://item/1', 'test://one']);
  assert.deepEqual([...new Set(urisOf(stream))].sort(), ['test://item/1', 'test://one']);
  stream.close();

  const fresh = modernClient(`${gateway.url}/mcp/modern`, gateway.keys.reader);
  const notifications = { resourceSubscriptions: ['test://one'] };
  const subscription = await fresh.open('subscriptions/listen', { notifications });
  await announceUntilHeard(modern, subscription, ['test://two', 'test://one']);
  assert.deepEqual([...new Set(urisOf(subscription))], ['test://one']);
  subscription.close();
});

test('an update on the answer of a call is left out likewise', { timeout: 30_000 }, async () => {
  legacy.behaviour.tools[0]!.call = (_args, peer) => {
    for (const uri of ['test://two', 'test://one']) peer.notify(UPDATED, { uri });
    return { content: [{ type: 'text', text: 'said' }] };
  };
  const old = await legacyClient(`${gateway.url}/mcp/legacy`, gateway.keys.reader);
  const answer = await old.open('tools/call', { name: 'echo', arguments: {} });
  await answer.closed;
  assert.deepEqual(urisOf(answer), ['test://one']);
});

test('who lost an upstream hears nothing of it any more, also on a stream that is opened again in the old session', {
  timeout: 30_000,
}, async () => {
  const own = await legacyClient(`${gateway.url}/mcp/legacy`, gateway.keys.loser);
  await own.request('tools/call', { name: 'late', arguments: { text: 'opens its own session upstream' } });
  const shared = await legacyClient(`${gateway.url}/mcp/process`, gateway.keys.loser);
  const uri = 'test://one';
  for (const client of [own, shared]) {
    assert.deepEqual((await client.request('resources/subscribe', { uri })).message.result, {});
  }
  const announce = async (): Promise<void> => {
    legacy.announce('notifications/message', { level: 'info', data: 'for those who may use it' });
    legacy.announce(UPDATED, { uri });
    await shared.request('tools/call', { name: 'announce', arguments: { method: UPDATED, params: { uri } } });
    await setTimeout(20);
  };
  const unasked = ({ messages }: OpenAnswer): Any[] =>
    messages.filter(({ method }) => !method.endsWith('/list_changed'));
  const before = [await own.listen(), await shared.listen()];
  while (before.some((stream) => unasked(stream).length === 0)) await announce();
  for (const role of ['legacy-all', 'process']) {
    const { status } = await gateway.admin('DELETE', `/role-assignments/user/${gateway.ids.loser}/${role}`);
    assert.ok(status < 300);
  }
  for (const { closed } of before) await closed;

  // The tools of the process are left to it, and no resource.
  const again = [await own.listen(), await shared.listen()];
  for (const { status } of again) assert.equal(status, 200);
  for (let round = 0; round < 10; round++) await announce();
  assert.deepEqual(again.flatMap(unasked), []);
  for (const stream of again) stream.close();
});
