/**
 * Somebody who leaves a group or loses a role has calls under way and streams open that they may not have any more. When
 * the change is answered, what is not covered any more has ended, and what is covered goes on.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { text } from '../fakes/upstream-behaviour.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { until } from '../gateway-process.ts';
import { type Any, legacyClient, listAll, modernClient, type OpenAnswer, type TestClient } from '../mcp-client.ts';
import { type PeopledGateway, type Person, startWithPeople } from '../people.ts';
import { addPerson, registerClient, signIn } from '../sign-in.ts';

type Name = 'unassigned' | 'redefined' | 'deleted' | 'removed' | 'disbanded' | 'narrowed' | 'bystander';
let modern: FakeHttpUpstream;
let legacy: FakeLegacyUpstream;
let gateway: PeopledGateway<Name>;
/** Tools of calls that an upstream was told to stop. */
const cancelled: string[] = [];

before(async () => {
  modern = await startModernUpstream();
  legacy = await startLegacyUpstream();
  for (const [label, { behaviour }] of Object.entries({ modern, legacy })) {
    behaviour.tools = ['lost', 'kept'].map((name) => ({
      definition: { name, inputSchema: { type: 'object' } },
      async call(args, peer, request) {
        if (args.text !== undefined) return text(args.text);
        peer.notify('notifications/progress', { progressToken: request.params._meta.progressToken, progress: 1 });
        const stopped = new Promise<void>((resolve) => peer.signal.addEventListener('abort', () => resolve()));
        await Promise.race([stopped, new Promise<void>((resolve) => finish.add(resolve))]);
        if (peer.signal.aborted) cancelled.push(`${label}__${name}`);
        return text('finished');
      },
    }));
  }
  const keeps: Person = { allow: [{ upstream: '*', tools: ['kept'] }] };
  gateway = await startWithPeople({
    roles: {
      'of-unassigned': { allow: [{ upstream: '*' }] },
      'of-redefined': { allow: [{ upstream: '*' }] },
      'of-deleted': { allow: [{ upstream: '*' }] },
      'of-groups': { allow: [{ upstream: '*' }] },
    },
    people: {
      unassigned: { ...keeps, roles: ['of-unassigned'] },
      redefined: { ...keeps, roles: ['of-redefined'] },
      deleted: { ...keeps, roles: ['of-deleted'] },
      removed: keeps,
      disbanded: keeps,
      narrowed: { roles: ['of-groups'] },
      bystander: { roles: ['of-groups'] },
    },
    config: {
      upstreams: [
        { name: 'modern', url: modern.url },
        { name: 'legacy', url: legacy.url },
      ],
    },
  });
  for (const name of ['removed', 'disbanded'] as const) await joinGroup(name);
});

after(async () => {
  await modern.close();
  await legacy.close();
  await gateway.close();
});

/** Lets the calls under way end. */
const finish = new Set<() => void>();
const groups: Partial<Record<Name, string>> = {};

async function joinGroup(name: 'removed' | 'disbanded'): Promise<void> {
  const { body: group } = await gateway.admin('POST', '/groups', { name: `group-of-${name}` });
  groups[name] = group.id;
  await gateway.admin('PUT', `/groups/${group.id}/members/${gateway.ids[name]}`);
  const subject = { kind: 'group', id: group.id };
  const assigned = await gateway.admin('POST', '/role-assignments', { role: 'of-groups', subject });
  assert.equal(assigned.status, 201, JSON.stringify(assigned.body));
}

/** Changes something at the version that it has. */
async function change(method: string, path: string, body?: object): Promise<void> {
  const { headers } = await gateway.admin('GET', path);
  const changed = await gateway.admin(method, path, body, { headers: { 'if-match': String(headers.get('etag')) } });
  assert.ok(changed.status < 300, JSON.stringify(changed.body));
}

/** Every way to take `lost` away and to leave `kept`. */
const LOSSES: Readonly<Record<Exclude<Name, 'bystander'>, () => Promise<unknown>>> = {
  unassigned: () => gateway.admin('DELETE', `/role-assignments/user/${gateway.ids.unassigned}/of-unassigned`),
  redefined: () => change('PUT', '/roles/of-redefined', { description: '', allow: [], deny: [] }),
  deleted: () => change('DELETE', '/roles/of-deleted'),
  removed: () => gateway.admin('DELETE', `/groups/${groups.removed}/members/${gateway.ids.removed}`),
  disbanded: () => change('DELETE', `/groups/${groups.disbanded}`),
  narrowed: () => change('PATCH', `/access-keys/${gateway.keyIds.narrowed}`, { tools: ['*__kept'] }),
};

interface Opened {
  readonly what: string;
  readonly kind: 'stream' | 'lost' | 'kept';
  readonly answer: OpenAnswer;
}

/** All that a client of either era can have open, on upstreams of both eras. */
async function openEverything(name: Name): Promise<{ clients: TestClient[]; opened: Opened[] }> {
  const url = `${gateway.url}/mcp`;
  const [fresh, old] = [modernClient(url, gateway.keys[name]), await legacyClient(url, gateway.keys[name])];
  const params = { name: 'legacy__kept', arguments: { text: 'opens the session upstream' } };
  await old.request('tools/call', params);
  const subscription = await fresh.open('subscriptions/listen', {
    notifications: { toolsListChanged: true, resourceSubscriptions: ['test://one'] },
  });
  await subscription.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
  const opened: Opened[] = [
    { what: 'the GET stream', kind: 'stream', answer: await old.listen() },
    { what: 'the subscription', kind: 'stream', answer: subscription },
  ];
  for (const client of [fresh, old]) {
    for (const upstream of ['modern', 'legacy']) {
      for (const kind of ['lost', 'kept'] as const) {
        const call = { name: `${upstream}__${kind}`, arguments: {} };
        const answer = await client.open('tools/call', call, { meta: { progressToken: 'p' } });
        await answer.find(({ method }) => method === 'notifications/progress');
        opened.push({ what: `${call.name}`, kind, answer });
      }
    }
  }
  return { clients: [fresh, old], opened };
}

const toolsOf = async (client: TestClient): Promise<string[]> =>
  (await listAll(client, 'tools/list', 'tools')).map(({ name }) => name).sort();

for (const [name, lose] of Object.entries(LOSSES) as [Exclude<Name, 'bystander'>, () => Promise<Any>][]) {
  test(`${name}: what is lost ends, what is kept goes on, and nobody else notices`, { timeout: 60_000 }, async () => {
    const { clients, opened } = await openEverything(name);
    const others = await openEverything('bystander');
    const all = ['legacy__kept', 'legacy__lost', 'modern__kept', 'modern__lost'];
    for (const client of clients) assert.deepEqual(await toolsOf(client), all);
    cancelled.length = 0;
    await lose();

    for (const { what, kind, answer } of opened.filter(({ kind }) => kind !== 'kept')) {
      await answer.closed;
      assert.ok(!answer.messages.some(({ result }) => result?.content !== undefined), `${what} was answered`);
      if (kind !== 'stream') continue;
      const told = answer.messages.some(({ method }) => method === 'notifications/tools/list_changed');
      assert.ok(told && answer.complete, `${what} says that the lists changed, and ends in order`);
    }
    await until('the upstreams are told', () => cancelled.length >= 4);
    assert.deepEqual(cancelled.sort(), ['legacy__lost', 'legacy__lost', 'modern__lost', 'modern__lost']);
    const forwarded = modern.calls('tools/call').length + legacy.calls('tools/call').length;
    for (const client of clients) {
      assert.deepEqual(await toolsOf(client), ['legacy__kept', 'modern__kept']);
      for (const upstream of ['modern', 'legacy']) {
        const call = { name: `${upstream}__lost`, arguments: { text: 'x' } };
        assert.equal((await client.request('tools/call', call)).message.error.code, -32602);
      }
    }
    assert.equal(modern.calls('tools/call').length + legacy.calls('tools/call').length, forwarded);

    const going = [...opened.filter(({ kind }) => kind === 'kept'), ...others.opened];
    for (const { what, answer } of going) assert.equal(answer.http.closed, false, what);
    for (const release of finish) release();
    for (const { what, kind, answer } of going) {
      if (kind === 'stream') {
        answer.close();
        continue;
      }
      await answer.closed;
      assert.equal(answer.messages.at(-1).result.content[0].text, 'finished', what);
    }
  });
}

test('with an access token it is the same, and a change that is about others ends nothing', {
  timeout: 60_000,
}, async () => {
  const person = await addPerson(gateway, 'ann@example.com', ['of-groups']);
  const { access_token } = await signIn(gateway, person, { clientId: await registerClient(gateway) });
  const client = modernClient(`${gateway.url}/mcp`, access_token);
  const notifications = { toolsListChanged: true };
  const subscription = await client.open('subscriptions/listen', { notifications });
  await subscription.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
  const call = { name: 'modern__lost', arguments: {} };
  const begun = await client.open('tools/call', call, { meta: { progressToken: 'p' } });
  await begun.find(({ method }) => method === 'notifications/progress');

  await change('PUT', '/roles/of-redefined', { description: '', allow: [{ upstream: 'legacy' }], deny: [] });
  for (const { http } of [subscription, begun]) assert.equal(http.closed, false);
  const { status } = await gateway.admin('DELETE', `/role-assignments/user/${person.id}/of-groups`);
  assert.ok(status < 300);
  for (const { closed } of [subscription, begun]) await closed;
  assert.ok(!begun.messages.some(({ result }) => result?.content !== undefined));
  assert.equal((await client.request('tools/call', call)).message.error.code, -32602);
});
