/**
 * What a caller may never use looks exactly like what does not exist: the same status, headers and bytes, apart from the
 * name that the caller sent itself and the request id. Only the audit log tells them apart.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, modernClient, modernRequest, type Reply, send, type TestClient } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

type Name = 'some' | 'none' | 'keyed' | 'everything';
let upstreams: FakeHttpUpstream[];
let gateway: PeopledGateway<Name>;

before(async () => {
  upstreams = [await startModernUpstream(), await startLegacyUpstream()];
  const [one, two] = upstreams.map(({ url }) => url);
  gateway = await startWithPeople({
    people: {
      everything: { roles: ['full-access'] },
      some: { allow: [{ upstream: 'one', tools: ['late'], prompts: ['other'], resources: ['test://two'] }] },
      none: {},
      keyed: { roles: ['full-access'], key: { tools: ['one__late'] } },
    },
    config: {
      upstreams: [
        { name: 'one', url: one },
        { name: 'two', url: two },
        { name: 'off', url: one, enabled: false },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  for (const upstream of upstreams) await upstream.close();
});

/** What the caller can see of an answer, without what it sent itself. */
function seen({ status, headers, body }: Reply, ...sent: string[]): string {
  const { date: _, 'content-length': __, ...rest } = headers;
  let text = JSON.stringify([status, rest, body.replace(/req_\w+/g, 'req')]);
  for (const word of sent) text = text.replaceAll(JSON.stringify(JSON.stringify(word)).slice(3, -3), '…');
  return text;
}

interface Pair {
  readonly method: string;
  /** The request for this name, on a mount that gives names this prefix. */
  readonly params: (name: string, prefix: string) => Any;
  readonly forbidden: string;
  readonly unknown: string;
}

const argument = { name: 'who', value: 'x' };
const PAIRS: readonly Pair[] = [
  {
    method: 'tools/call',
    params: (name, prefix) => ({ name: prefix + name, arguments: {} }),
    forbidden: 'echo',
    unknown: 'nope',
  },
  { method: 'prompts/get', params: (name, prefix) => ({ name: prefix + name }), forbidden: 'greet', unknown: 'nope!' },
  { method: 'resources/read', params: (uri) => ({ uri }), forbidden: 'test://one', unknown: 'test://xxx' },
  { method: 'resources/read', params: (uri) => ({ uri }), forbidden: 'test://item/1', unknown: 'xest://item/1' },
  { method: 'resources/subscribe', params: (uri) => ({ uri }), forbidden: 'test://one', unknown: 'test://xxx' },
  { method: 'resources/unsubscribe', params: (uri) => ({ uri }), forbidden: 'test://one', unknown: 'test://xxx' },
  {
    method: 'completion/complete',
    params: (name, prefix) => ({ ref: { type: 'ref/prompt', name: prefix + name }, argument }),
    forbidden: 'greet',
    unknown: 'nope!',
  },
  {
    method: 'completion/complete',
    params: (uri) => ({ ref: { type: 'ref/resource', uri }, argument }),
    forbidden: 'test://item/{id}',
    unknown: 'xest://item/{id}',
  },
];

async function assertAlike(client: TestClient, pair: Pair, prefix: string): Promise<void> {
  const { method, params, forbidden, unknown } = pair;
  const before = upstreams.map(({ received }) => received.length);
  const one = await client.request(method, params(forbidden, prefix), { id: 5 });
  const other = await client.request(method, params(unknown, prefix), { id: 5 });
  assert.ok(one.message.error !== undefined, `${method} ${forbidden} was answered: ${one.body}`);
  assert.equal(seen(one, prefix + forbidden, forbidden), seen(other, prefix + unknown, unknown), method);
  assert.deepEqual(
    upstreams.map(({ received }) => received.length),
    before,
    'nothing reached an upstream',
  );
}

for (const era of ['modern', 'legacy'] as const) {
  for (const name of ['some', 'none', 'keyed'] as const) {
    for (const [path, prefixes] of [
      ['/mcp', ['one__', 'two__']],
      ['/mcp/one', ['']],
    ] as const) {
      // Where nothing is theirs, no session can be opened at all; see below.
      if (era === 'legacy' && name === 'none' && path === '/mcp/one') continue;
      test(`${era}, ${name} at ${path}: forbidden and unknown are told alike`, async () => {
        const client = await clientOf(era, gateway.url + path, gateway.keys[name]);
        for (const pair of PAIRS) {
          if (era === 'modern' && /subscribe/.test(pair.method)) continue;
          for (const prefix of prefixes) await assertAlike(client, pair, prefix);
        }
      });
    }
  }

  test(`${era}: an upstream that is off, one that never was and one without a right are told alike in a name`, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.some);
    const answers = new Set<string>();
    for (const prefix of ['two', 'off', 'xyz', 'one', '...']) {
      const name = `${prefix}__zzz`;
      answers.add(seen(await client.request('tools/call', { name, arguments: {} }, { id: 5 }), name));
    }
    assert.equal(answers.size, 1, [...answers].join('\n'));
  });
}

test('an upstream that is down looks like none at all to those who could not use it anyway', async () => {
  const dead = await startModernUpstream();
  const { url } = dead;
  await dead.close();
  const partly = await startWithPeople({
    people: {
      outsider: { allow: [{ upstream: 'one', tools: ['echo'], resources: ['test://two'] }] },
      insider: { allow: [{ upstream: 'down', tools: ['secret*'], resources: ['secret://*'] }] },
    },
    config: {
      upstreams: [
        { name: 'one', url: upstreams[0]!.url },
        { name: 'down', url },
      ],
    },
  });
  try {
    const outsider = modernClient(`${partly.url}/mcp`, partly.keys.outsider);
    const insider = modernClient(`${partly.url}/mcp`, partly.keys.insider);
    const call = (client: TestClient, name: string) => client.request('tools/call', { name, arguments: {} }, { id: 5 });
    const read = (client: TestClient, uri: string) => client.request('resources/read', { uri }, { id: 5 });
    const names = ['down__secret', 'down__x', 'nope__secret', 'one__secret'];
    const told = await Promise.all(names.map(async (name) => seen(await call(outsider, name), name)));
    assert.equal(new Set(told).size, 1, told.join('\n'));
    const uris = ['secret://1', 'nothing://1'];
    const toldOfUris = await Promise.all(uris.map(async (uri) => seen(await read(outsider, uri), uri)));
    assert.equal(new Set(toldOfUris).size, 1, toldOfUris.join('\n'));
    // Whoever may use it learns why it does not work.
    assert.equal((await call(insider, 'down__secret')).message.error.data.code, 'upstream_unavailable');
    assert.equal((await read(insider, 'secret://1')).message.error.data.code, 'upstream_unavailable');
    assert.equal((await call(insider, 'down__other')).message.error.data.code, 'invalid_params');
  } finally {
    await partly.close();
  }
});

test('a mount is 404 for everything to those who may use nothing of it, whether it works, is down, off, or was never there', async () => {
  const dead = await startModernUpstream();
  await dead.close();
  const mounts = await startWithPeople({
    people: { outsider: { allow: [{ upstream: 'one' }], deny: [{ upstream: 'denied' }] } },
    config: {
      upstreams: [
        { name: 'one', url: upstreams[0]!.url },
        { name: 'works', url: upstreams[1]!.url },
        { name: 'denied', url: upstreams[1]!.url },
        { name: 'down', url: dead.url },
        { name: 'off', url: upstreams[0]!.url, enabled: false },
      ],
    },
  });
  const authorization = `Bearer ${mounts.keys.outsider}`;
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const initialize = { body: { jsonrpc: '2.0', id: 1, method: 'initialize', params }, headers: {} };
  const about = { name: 'echo', uri: 'test://one', notifications: {} };
  const METHODS =
    'tools/list prompts/list resources/list tools/call resources/read server/discover subscriptions/listen';
  try {
    for (const { body, headers } of [...METHODS.split(' ').map((method) => modernRequest(method, about)), initialize]) {
      const told = new Set<string>();
      for (const mount of ['nope', 'works', 'denied', 'down', 'off']) {
        const reply = await send(`${mounts.url}/mcp/${mount}`, { body, headers: { ...headers, authorization } });
        assert.ok(reply.message.error !== undefined, `${mount} ${body.method}: ${reply.body}`);
        assert.equal(reply.headers['mcp-session-id'], undefined);
        if (!/call|read/.test(body.method)) assert.equal(reply.status, 404);
        told.add(seen(reply, mount).replaceAll(mount, '…'));
      }
      assert.equal(told.size, 1, [...told].join('\n'));
    }
  } finally {
    await mounts.close();
  }
});

test('a subscription leaves out what is forbidden as it leaves out what is unknown', async () => {
  for (const name of ['some', 'none', 'keyed'] as const) {
    for (const path of name === 'none' ? ['/mcp'] : ['/mcp', '/mcp/one']) {
      const client = modernClient(gateway.url + path, gateway.keys[name]);
      const before = upstreams.map(({ received }) => received.length);
      const told: string[] = [];
      for (const uri of ['test://one', 'test://xxx', 'test://item/1', 'xest://item/1']) {
        const notifications = { toolsListChanged: true, resourceSubscriptions: [uri] };
        const answer = await client.open('subscriptions/listen', { notifications }, { id: 5 });
        await answer.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
        told.push(answer.body());
        answer.close();
      }
      assert.equal(new Set(told).size, 1, told.join('\n'));
      assert.deepEqual(
        upstreams.map(({ received }) => received.length),
        before,
        'nothing reached an upstream',
      );
    }
  }
});

for (const { method, params, forbidden, unknown } of PAIRS) {
  test(`${method} of ${forbidden}: only the audit log tells the difference, with the true reason`, async () => {
    // A subscription is of the legacy era, with a session.
    const era = method.includes('subscribe') ? 'legacy' : 'modern';
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.some);
    const reasons: string[] = [];
    for (const name of [forbidden, unknown]) {
      const { message } = await client.request(method, params(name, 'one__'));
      await gateway.admin('POST', '/audit/checkpoints');
      const { body } = await gateway.admin('GET', '/audit/events?limit=20&decision=deny');
      const record = body.items.find((item: Any) => item.requestId === message.error.data.requestId);
      assert.equal(record.principalName, 'some');
      reasons.push(record.reason);
    }
    assert.doesNotMatch(reasons[0]!, /unknown/);
    assert.match(reasons[1]!, /unknown (tool|prompt|resource)/);
  });
}
