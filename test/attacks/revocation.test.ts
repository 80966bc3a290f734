/**
 * Zitadel CVE-2023-22492; activepieces#15181: revoked in the console, and still at work for an hour. Here the answer to
 * the revocation comes when it holds: the very next request is refused, and whatever the key has open has ended.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { RoleRule } from '../../src/model/role.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, legacyClient, modernClient, modernRequest, type OpenAnswer, send, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';
import { dial } from '../raw-socket.ts';

const NAMES = [
  'revoked',
  'disabled',
  'machine',
  'deleted',
  'rotated',
  'bystander',
  'unroled',
  'narrowed',
  'raced',
] as const;
type Name = (typeof NAMES)[number];
let modern: FakeHttpUpstream;
let legacy: FakeHttpUpstream;
let gateway: PeopledGateway<Name>;
const allow: RoleRule[] = [{ upstream: '*' }];

before(async () => {
  modern = await startModernUpstream();
  legacy = await startLegacyUpstream();
  gateway = await startWithPeople({
    people: Object.fromEntries(
      NAMES.map((name) => [name, { kind: name === 'machine' ? 'service_account' : 'user', allow }]),
    ) as unknown as Record<Name, { allow: RoleRule[] }>,
    config: {
      upstreams: [
        { name: 'modern', url: modern.url },
        { name: 'legacy', url: legacy.url },
      ],
    },
  });
});

after(async () => {
  // First, so that no call is under way which the gateway would wait for.
  await modern.close();
  await legacy.close();
  await gateway.close();
});

const revoke: Readonly<Record<'revoked' | 'disabled' | 'machine' | 'deleted' | 'rotated', () => Promise<Any>>> = {
  revoked: () => gateway.admin('POST', `/access-keys/${gateway.keyIds.revoked}/revoke`),
  disabled: () => gateway.admin('POST', `/users/${gateway.ids.disabled}/disable`),
  machine: () => gateway.admin('POST', `/service-accounts/${gateway.ids.machine}/disable`),
  async deleted() {
    const { headers } = await gateway.admin('GET', `/users/${gateway.ids.deleted}`);
    const options = { headers: { 'if-match': String(headers.get('etag')) } };
    return gateway.admin('DELETE', `/users/${gateway.ids.deleted}`, undefined, options);
  },
  rotated: () => gateway.admin('POST', `/access-keys/${gateway.keyIds.rotated}/rotate`, { overlapSeconds: 0 }),
};

/** Everything that one client can have open, on upstreams of both eras. */
async function openEverything(name: Name): Promise<{ what: string; answer: OpenAnswer }[]> {
  const key = gateway.keys[name];
  const one = modernClient(`${gateway.url}/mcp`, key);
  const two = await legacyClient(`${gateway.url}/mcp`, key);
  await two.request('tools/call', { name: 'legacy__echo', arguments: {} });
  const stream = await two.listen();
  const subscription = await one.open('subscriptions/listen', {
    notifications: { toolsListChanged: true, resourceSubscriptions: ['test://one'] },
  });
  await subscription.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
  const opened = [
    { what: 'the GET stream', answer: stream },
    { what: 'the subscription', answer: subscription },
  ];
  const progress = { meta: { progressToken: 'p' } };
  for (const [era, client] of Object.entries({ modern: one, legacy: two })) {
    for (const upstream of ['modern', 'legacy']) {
      const params = { name: `${upstream}__busy`, arguments: {} };
      const answer = await client.open('tools/call', params, progress);
      await answer.find(({ method }) => method === 'notifications/progress');
      opened.push({ what: `a call of the ${era} client to the ${upstream} upstream`, answer });
    }
  }
  return opened;
}

function addBusyTool({ behaviour }: FakeHttpUpstream, cancelled: string[], label: string): void {
  behaviour.tools.push({
    definition: {
      name: 'busy',
      description: 'Reports once, then works until it is cancelled.',
      inputSchema: { type: 'object' },
    },
    async call(_args, peer, request) {
      peer.notify('notifications/progress', { progressToken: request.params._meta.progressToken, progress: 1 });
      await new Promise<void>((resolve) => peer.signal.addEventListener('abort', () => resolve()));
      cancelled.push(label);
      return { content: [{ type: 'text', text: 'cancelled' }] };
    },
  });
}

test('revoking, disabling, deleting and rotating end everything at once, and nobody else notices', {
  timeout: 60_000,
}, async () => {
  const cancelled: string[] = [];
  addBusyTool(modern, cancelled, 'modern');
  addBusyTool(legacy, cancelled, 'legacy');
  modern.announce('notifications/tools/list_changed');
  legacy.announce('notifications/tools/list_changed');
  const bystander = modernClient(`${gateway.url}/mcp`, gateway.keys.bystander);
  for (;;) {
    const { message } = await bystander.request('tools/list');
    if (message.result.tools.filter(({ name }: Any) => name.endsWith('__busy')).length === 2) break;
  }
  const his = await openEverything('bystander');

  for (const [name, end] of Object.entries(revoke) as [keyof typeof revoke, () => Promise<Any>][]) {
    const opened = await openEverything(name);
    const before = cancelled.length;
    const { status, body } = await end();
    assert.ok(status < 300, `${name}: ${JSON.stringify(body)}`);
    for (const { what, answer } of opened) {
      await answer.closed;
      assert.ok(!answer.messages.some(({ result }) => result?.content !== undefined), `${name}: ${what}`);
    }
    const { received } = modern;
    const { length } = received;
    for (const path of ['/mcp', '/mcp/modern', '/mcp/legacy']) {
      const { body: call, headers } = modernRequest('tools/call', { name: 'echo', arguments: {} });
      const reply = await send(gateway.url + path, {
        body: call,
        headers: { ...headers, authorization: `Bearer ${gateway.keys[name]}` },
      });
      assert.equal(reply.status, 401, `${name} at ${path}`);
    }
    assert.equal(received.length, length, 'nothing was forwarded');
    while (cancelled.length < before + 4) await setTimeout(5);
  }
  for (const { what, answer } of his) {
    assert.equal(answer.http.destroyed || answer.complete, false, `${what} of somebody else`);
    answer.close();
  }
});

test('a role that was taken away and a key that was narrowed count from the very next request', async () => {
  const call = (name: Name) =>
    modernClient(`${gateway.url}/mcp/modern`, gateway.keys[name]).request('tools/call', {
      name: 'echo',
      arguments: { text: 'x' },
    });
  assert.equal(textOf(await call('unroled')), 'x');
  const removed = await gateway.admin('DELETE', `/role-assignments/user/${gateway.ids.unroled}/role-of-unroled`);
  assert.ok(removed.status < 300, JSON.stringify(removed.body));
  assert.equal((await call('unroled')).message.error.code, -32602);

  assert.equal(textOf(await call('narrowed')), 'x');
  const { headers } = await gateway.admin('GET', `/access-keys/${gateway.keyIds.narrowed}`);
  const match = { headers: { 'if-match': String(headers.get('etag')) } };
  const patched = await gateway.admin(
    'PATCH',
    `/access-keys/${gateway.keyIds.narrowed}`,
    { tools: ['legacy__*'] },
    match,
  );
  assert.equal(patched.status, 200, JSON.stringify(patched.body));
  assert.equal((await call('narrowed')).message.error.code, -32602);

  const role = await gateway.admin('GET', '/roles/role-of-bystander');
  assert.equal(textOf(await call('bystander')), 'x');
  const changed = await gateway.admin(
    'PUT',
    '/roles/role-of-bystander',
    { description: '', allow: [{ upstream: 'legacy' }], deny: [] },
    { headers: { 'if-match': String(role.headers.get('etag')) } },
  );
  assert.equal(changed.status, 200, JSON.stringify(changed.body));
  assert.equal((await call('bystander')).message.error.code, -32602);
});

test('a request that was let in just before the revocation does nothing after it, and learns nothing', async () => {
  const key = gateway.keys.raced;
  const client = modernClient(`${gateway.url}/mcp/modern`, key);
  assert.equal(textOf(await client.request('tools/call', { name: 'echo', arguments: { text: 'x' } })), 'x');
  // The credential is checked with the head of a request; these bodies come after the revocation.
  const begin = async (method: string, params: object) => {
    const { body, headers } = modernRequest(method, params);
    const json = JSON.stringify(body);
    const socket = await dial(gateway.url);
    const all = { ...headers, host: new URL(gateway.url).host, authorization: `Bearer ${key}` };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(
      `POST /mcp/modern HTTP/1.1\r\n${lines.join('')}content-type: application/json\r\n` +
        `content-length: ${json.length}\r\n\r\n${json.slice(0, 10)}`,
    );
    return { method, socket, rest: json.slice(10) };
  };
  const begun = [
    await begin('tools/call', { name: 'delete', arguments: {} }),
    await begin('tools/list', {}),
    await begin('server/discover', {}),
    await begin('subscriptions/listen', { notifications: { toolsListChanged: true } }),
  ];
  await setTimeout(50);
  await gateway.admin('POST', `/access-keys/${gateway.keyIds.raced}/revoke`);
  for (const { method, socket, rest } of begun) {
    const answered = new Promise<string>((resolve) => {
      socket.once('data', (data: Buffer) => resolve(data.toString('latin1', 0, 12)));
    });
    socket.write(rest);
    assert.equal(await answered, 'HTTP/1.1 401', method);
    socket.destroy();
  }
  assert.ok(!modern.calls('tools/call').some(({ message }) => message.params.name === 'delete'));
});
