/** What upstreams say unasked, and who hears it: changed lists, updated resources, log lines. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { text } from '../fakes/upstream-behaviour.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, type LegacyClient, legacyClient, listAll, modernClient, type OpenAnswer } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

const STDIO = [process.execPath, new URL('../fakes/upstream-stdio.ts', import.meta.url).pathname];
let legacy: FakeLegacyUpstream;
let modern: FakeHttpUpstream;
let gateway: PeopledGateway<'ann' | 'bob' | 'outsider'>;

before(async () => {
  legacy = await startLegacyUpstream();
  modern = await startModernUpstream();
  for (const { behaviour } of [legacy, modern]) {
    behaviour.capabilities = {
      ...behaviour.capabilities,
      prompts: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
    };
  }
  gateway = await startWithPeople({
    people: {
      ann: { roles: ['full-access'] },
      bob: { roles: ['full-access'] },
      outsider: { allow: [{ upstream: 'process' }, { upstream: 'modern', tools: ['echo'] }] },
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

const heard = (answer: OpenAnswer, method: string): Any[] =>
  answer.messages.filter((message) => message.method === `notifications/${method}`);
const CHANGES = {
  tools: { toolsListChanged: true },
  prompts: { promptsListChanged: true },
  resources: { resourcesListChanged: true },
} as const;
let added = 0;

/** Changes a list of an upstream for real, and says so. */
function change(fake: FakeHttpUpstream, list: keyof typeof CHANGES): string {
  const name = `added-${++added}`;
  const { behaviour } = fake;
  if (list === 'tools')
    behaviour.tools.push({ definition: { name, inputSchema: { type: 'object' } }, call: () => text(name) });
  else if (list === 'prompts') behaviour.prompts.push({ name });
  else behaviour.resources.push({ uri: `test://${name}`, name });
  fake.announce(`notifications/${list}/list_changed`);
  return name;
}

for (const mount of ['/mcp', '/mcp/legacy', '/mcp/modern']) {
  test(`${mount}: a changed list is announced to listening clients of both eras, once they can have the new one`, {
    timeout: 60_000,
  }, async () => {
    const url = gateway.url + mount;
    const old = await legacyClient(url, gateway.keys.ann);
    const fresh = modernClient(url, gateway.keys.ann);
    const stream = await old.listen();
    for (const list of Object.keys(CHANGES) as (keyof typeof CHANGES)[]) {
      for (const fake of mount === '/mcp' ? [legacy, modern] : [mount === '/mcp/legacy' ? legacy : modern]) {
        const method = `${list}/list_changed`;
        const before = heard(stream, method).length;
        const subscription = await fresh.open('subscriptions/listen', { notifications: CHANGES[list] }, { id: 'mine' });
        const acknowledged = await subscription.find((message) => message.method?.endsWith('acknowledged'));
        assert.deepEqual(acknowledged.params.notifications, CHANGES[list]);
        const name = change(fake, list);
        const announced = await subscription.find((message) => message.method === `notifications/${method}`);
        assert.equal(announced.params._meta['io.modelcontextprotocol/subscriptionId'], 'mine');
        while (heard(stream, method).length === before) await setTimeout(5);
        for (const client of [old, fresh]) {
          const items = await listAll(client, `${list}/list`, list);
          assert.ok(
            items.some((item) => String(item.name ?? item.uri).endsWith(name)),
            `${name} is not listed yet`,
          );
        }
        subscription.close();
      }
    }
    stream.close();
  });
}

test('a modern client hears only what it asked for, and a mount only of its own upstream', {
  timeout: 30_000,
}, async () => {
  const prompts = await modernClient(`${gateway.url}/mcp`, gateway.keys.ann).open('subscriptions/listen', {
    notifications: { promptsListChanged: true },
  });
  const other = await modernClient(`${gateway.url}/mcp/modern`, gateway.keys.ann).open('subscriptions/listen', {
    notifications: { toolsListChanged: true },
  });
  const all = await modernClient(`${gateway.url}/mcp`, gateway.keys.ann).open('subscriptions/listen', {
    notifications: { toolsListChanged: true },
  });
  for (const stream of [prompts, other, all]) await stream.find(({ method }) => method.endsWith('acknowledged'));
  change(legacy, 'tools');
  await all.find(({ method }) => method === 'notifications/tools/list_changed');
  assert.equal(prompts.messages.length, 1);
  assert.equal(other.messages.length, 1);
  for (const stream of [prompts, other, all]) stream.close();
});

test('a change that changes nothing disturbs nobody', { timeout: 30_000 }, async () => {
  const stream = await (await legacyClient(`${gateway.url}/mcp`, gateway.keys.ann)).listen();
  legacy.announce('notifications/prompts/list_changed');
  change(legacy, 'tools');
  while (heard(stream, 'tools/list_changed').length === 0) await setTimeout(5);
  assert.equal(heard(stream, 'prompts/list_changed').length, 0);
  stream.close();
});

test('an updated resource reaches the legacy clients that subscribed to it, each over its own session', {
  timeout: 30_000,
}, async () => {
  const ann = await legacyClient(`${gateway.url}/mcp`, gateway.keys.ann);
  const annStream = await ann.listen();
  assert.deepEqual((await ann.request('resources/subscribe', { uri: 'test://one' })).message.result, {});
  const isUpdate = ({ method }: Any) => method === 'notifications/resources/updated';
  while (!annStream.messages.some(isUpdate)) {
    legacy.announce('notifications/resources/updated', { uri: 'test://one' });
    await setTimeout(10);
  }
  assert.deepEqual((await annStream.find(isUpdate)).params, { uri: 'test://one' });
  annStream.close();
});

test('over a shared process each client hears of its own subscriptions, and one that leaves does not end another’s', {
  timeout: 30_000,
}, async () => {
  const outsider = await legacyClient(`${gateway.url}/mcp/process`, gateway.keys.outsider);
  const bystander = await legacyClient(`${gateway.url}/mcp/process`, gateway.keys.ann);
  const streams = [await outsider.listen(), await bystander.listen()];
  const uri = 'test://two';
  const subscribe = (client: LegacyClient, what: string) => client.request(`resources/${what}`, { uri });
  const [annHere, bobHere] = [
    await legacyClient(`${gateway.url}/mcp/process`, gateway.keys.ann),
    await legacyClient(`${gateway.url}/mcp/process`, gateway.keys.bob),
  ];
  const [annStream, bobStream] = [await annHere.listen(), await bobHere.listen()];
  for (const client of [annHere, bobHere]) assert.deepEqual((await subscribe(client, 'subscribe')).message.result, {});
  const announce = () =>
    outsider.request('tools/call', {
      name: 'announce',
      arguments: { method: 'notifications/resources/updated', params: { uri } },
    });
  await announce();
  for (const stream of [annStream, bobStream]) {
    assert.deepEqual((await stream.find(({ method }) => method === 'notifications/resources/updated')).params, { uri });
  }
  assert.deepEqual((await subscribe(annHere, 'unsubscribe')).message.result, {});
  await announce();
  while (heard(bobStream, 'resources/updated').length < 2) await setTimeout(5);
  assert.equal(heard(annStream, 'resources/updated').length, 1, 'she left');
  for (const stream of streams) assert.equal(heard(stream, 'resources/updated').length, 0, 'they never came');
  for (const stream of [...streams, annStream, bobStream]) stream.close();
});

test('a modern client subscribes to resources that it may read, and hears of them under its own id', {
  timeout: 30_000,
}, async () => {
  const subscription = await modernClient(`${gateway.url}/mcp/modern`, gateway.keys.ann).open(
    'subscriptions/listen',
    { notifications: { resourceSubscriptions: ['test://one', 'test://two'] } },
    { id: 'subscription 7' },
  );
  const { params } = await subscription.find(({ method }) => method.endsWith('acknowledged'));
  assert.deepEqual(params.notifications, { resourceSubscriptions: ['test://one', 'test://two'] });
  const isUpdate = ({ method }: Any) => method === 'notifications/resources/updated';
  while (!subscription.messages.some(isUpdate)) {
    modern.announce('notifications/resources/updated', { uri: 'test://two' });
    await setTimeout(10);
  }
  const update = await subscription.find(isUpdate);
  assert.equal(update.params.uri, 'test://two');
  assert.equal(update.params._meta['io.modelcontextprotocol/subscriptionId'], 'subscription 7');
  const listens = () => modern.calls('subscriptions/listen').length;
  const before = listens();
  const outsider = await modernClient(`${gateway.url}/mcp/modern`, gateway.keys.outsider).open('subscriptions/listen', {
    notifications: { resourceSubscriptions: ['test://one'] },
  });
  const refused = await outsider.find(({ method }) => method.endsWith('acknowledged'));
  assert.deepEqual(refused.params.notifications, {}, 'what may not be read is not subscribed to');
  await setTimeout(50);
  assert.equal(listens(), before, 'and nothing is asked of the upstream');
  subscription.close();
  outsider.close();
});

test('log lines reach the client that asked for them, on the answer of the call or on its stream', {
  timeout: 30_000,
}, async () => {
  legacy.behaviour.tools.push({
    definition: { name: 'talk', inputSchema: { type: 'object' } },
    call(_args, peer) {
      peer.notify('notifications/message', { level: 'info', logger: 'x', data: { big: 1 } });
      return text('said');
    },
  });
  legacy.announce('notifications/tools/list_changed');
  const ann = await legacyClient(`${gateway.url}/mcp`, gateway.keys.ann);
  while (!(await listAll(ann, 'tools/list', 'tools')).some(({ name }) => name === 'legacy__talk')) await setTimeout(20);
  assert.deepEqual((await ann.request('logging/setLevel', { level: 'debug' })).message.result, {});
  const reply = await ann.request('tools/call', { name: 'legacy__talk', arguments: {} });
  assert.deepEqual(reply.messages[0].params, { level: 'info', logger: 'x', data: { big: 1 } });
  const session = legacy.calls('tools/call').at(-1)!.headers['mcp-session-id'];
  const told = () =>
    legacy
      .calls('logging/setLevel')
      .filter(({ headers, message }) => headers['mcp-session-id'] === session && message.params.level === 'debug');
  while (told().length === 0) await setTimeout(5);
});
