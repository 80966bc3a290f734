/** Connecting and leaving an account is told to the clients of the person whose it is, and to nobody else. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { type ConnectGateway, startConnectGateway, tokenOf, wantsAccount } from '../connect-gateway.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, type LegacyClient, legacyClient, modernClient, type OpenAnswer, textOf } from '../mcp-client.ts';

type Name = 'ann' | 'bob';
let modern: FakeHttpUpstream;
let legacy: FakeLegacyUpstream;
let on: ConnectGateway<Name>;

beforeEach(async () => {
  modern = await startModernUpstream({ guard: wantsAccount });
  legacy = await startLegacyUpstream({ guard: wantsAccount });
  on = await startConnectGateway({
    people: { ann: {}, bob: {} },
    upstreams: { modern: modern.url, legacy: legacy.url },
  });
});

afterEach(async () => {
  await on.close();
  await modern.close();
  await legacy.close();
});

const URL_MODE = { elicitation: { url: {} } };
const session = (name: Name, mount = '/mcp'): Promise<LegacyClient> =>
  legacyClient(`${on.url}${mount}`, on.keys[name], { capabilities: URL_MODE });
const LISTS = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };

/** A stream that is open, so that nothing is missed. */
async function listen(name: Name, more: object = {}, mount = '/mcp'): Promise<OpenAnswer> {
  const params = { notifications: { ...LISTS, ...more } };
  const stream = await modernClient(`${on.url}${mount}`, on.keys[name]).open('subscriptions/listen', params);
  await stream.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
  return stream;
}

const methods = ({ messages }: OpenAnswer): string[] =>
  messages.flatMap(({ method }: Any) => (method?.includes('acknowledged') ? [] : [method]));
const toolsChanged = ({ method }: Any): boolean => method === 'notifications/tools/list_changed';
const call = (client: LegacyClient, upstream: string) =>
  client.request('tools/call', { name: `${upstream}__echo`, arguments: { text: 'hello' } });

test('the lists of the person change, and nobody else hears of it', async () => {
  const ann = await session('ann');
  const bob = await session('bob');
  const own = [await ann.listen(), await listen('ann'), await listen('ann', {}, '/mcp/modern')];
  const elsewhere = await listen('ann', {}, '/mcp/legacy');
  const others = [await bob.listen(), await listen('bob')];
  await on.connect('ann', 'modern');
  for (const stream of own) await stream.find(toolsChanged);
  for (const stream of own) assert.equal(methods(stream).filter((method) => method.includes('tools')).length, 1);
  assert.deepEqual(others.flatMap(methods), [], 'nobody else');
  on.disconnect('bob', 'legacy');
  await elsewhere.close();
  for (const stream of others) await stream.find(toolsChanged);
  assert.deepEqual(methods(elsewhere), []);
  for (const stream of own) assert.equal(methods(stream).filter((method) => method.includes('tools')).length, 1);
  for (const stream of [...own, ...others]) stream.close();
});

test('a change of one person’s own catalogue is announced to that person alone', async () => {
  await on.connect('ann', 'modern');
  await on.connect('bob', 'modern');
  const streams = { ann: await listen('ann'), bob: await listen('bob') };
  const client = modernClient(`${on.url}/mcp`, on.keys.ann);
  await client.request('tools/list');
  await on.connect('ann', 'modern');
  await streams.ann.find(toolsChanged);
  assert.deepEqual(methods(streams.bob), []);
  for (const stream of Object.values(streams)) stream.close();
});

test('2025-11-25: the session that was asked hears that the question is settled, and no other', async () => {
  const asked = await session('ann');
  const twice = await session('ann');
  const silent = await session('ann');
  const bob = await session('bob');
  const streams = await Promise.all([asked, twice, silent, bob].map((client) => client.listen()));
  const idOf = (message: Any): string => message.error.data.elicitations[0].elicitationId;
  const ids = [
    [idOf((await call(asked, 'modern')).message)],
    [idOf((await call(twice, 'modern')).message), idOf((await call(twice, 'modern')).message)],
    [],
    [],
  ];
  // Another upstream's question stays open; and bob's own is not ann's.
  await call(asked, 'legacy');
  await call(bob, 'modern');
  await on.connect('ann', 'modern');
  for (const stream of streams.slice(0, 3)) await stream.find(toolsChanged);
  const complete = (stream: OpenAnswer) =>
    stream.messages.filter(({ method }) => method === 'notifications/elicitation/complete').map(({ params }) => params);
  assert.deepEqual(
    streams.map(complete),
    ids.map((own) => own.map((elicitationId) => ({ elicitationId }))),
  );
  assert.equal(textOf(await call(asked, 'modern')), 'hello');
  await on.connect('ann', 'modern');
  for (const stream of streams.slice(0, 3)) {
    await stream.find(({ method }) => method === 'notifications/prompts/list_changed');
  }
  assert.equal(complete(streams[0]!).length, 1, 'once');
  for (const stream of streams) stream.close();
});

test('2025-11-25: a session that had no stream when the question was settled hears of it with its next one', async () => {
  const ann = await session('ann');
  const { elicitationId } = (await call(ann, 'modern')).message.error.data.elicitations[0];
  await on.connect('ann', 'modern');
  const stream = await ann.listen();
  const heard = await stream.find(({ method }) => method === 'notifications/elicitation/complete');
  assert.deepEqual(heard.params, { elicitationId });
  stream.close();
});

test('2026-07-28: a stream never carries the notification that this revision took away', async () => {
  const stream = await listen('ann');
  const params = { name: 'modern__echo', arguments: {} };
  const meta = { 'io.modelcontextprotocol/clientCapabilities': URL_MODE };
  await modernClient(`${on.url}/mcp`, on.keys.ann).request('tools/call', params, { meta });
  await on.connect('ann', 'modern');
  await stream.find(toolsChanged);
  assert.ok(methods(stream).every((method) => method.endsWith('/list_changed')));
  stream.close();
});

test('what was open with the account ends when its person leaves it', async () => {
  modern.behaviour.resources.push({ uri: 'test://watched', name: 'watched' });
  await on.connect('ann', 'modern');
  await on.connect('ann', 'legacy');
  await on.connect('bob', 'legacy');
  const ann = await session('ann');
  const bob = await session('bob');
  const stream = await ann.listen();
  assert.equal(textOf(await call(ann, 'legacy')), 'hello');
  assert.equal(textOf(await call(bob, 'legacy')), 'hello');
  const listening = await listen('ann', { resourceSubscriptions: ['test://watched'] });
  while (modern.calls('subscriptions/listen').length === 0) await new Promise(setImmediate);
  const sessionsBefore = legacy.sessions.size;

  on.disconnect('ann', 'legacy');
  on.disconnect('ann', 'modern');
  await stream.find(toolsChanged);
  // Ann's own session, and the gateway's one for ann; bob's stay.
  const deleted = () => legacy.received.filter(({ method }) => method === 'DELETE');
  while (deleted().length < 1) await new Promise(setImmediate);
  assert.ok(legacy.sessions.size < sessionsBefore);
  for (const { headers } of deleted()) assert.equal(headers.authorization, tokenOf(on.idOf('ann'), 'legacy'));
  const seen = methods(listening).length;
  modern.announce('notifications/resources/updated', { uri: 'test://watched' });
  assert.equal((await call(ann, 'legacy')).message.error.code, -32042);
  assert.equal(textOf(await call(bob, 'legacy')), 'hello');
  assert.ok(
    methods(listening)
      .slice(seen)
      .every((method) => !method.includes('updated')),
  );
  stream.close();
  listening.close();
});

test('another account in place of the first one is what the next call uses, in a session of its own', async () => {
  await on.connect('ann', 'legacy');
  const ann = await session('ann');
  await call(ann, 'legacy');
  const initialized = () =>
    legacy.calls('initialize').filter(({ message }) => message.params.clientInfo.name === 'test');
  assert.equal(initialized().length, 1);
  await on.connect('ann', 'legacy');
  assert.equal(textOf(await call(ann, 'legacy')), 'hello');
  assert.equal(initialized().length, 2);
});

test('connecting while nobody listens loads nothing: the next request does', async () => {
  await on.connect('ann', 'modern');
  assert.deepEqual(modern.received, []);
  const { message } = await modernClient(`${on.url}/mcp`, on.keys.ann).request('tools/list');
  assert.ok(message.result.tools.some(({ name }: Any) => name === 'modern__echo'));
});
