/** Every method of MCP, for clients of both eras, on both kinds of mount, with upstreams of every transport behind them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startSseUpstream } from '../fakes/upstream-sse.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import {
  type Any,
  clientOf,
  legacyClient,
  listAll,
  modernClient,
  send,
  type TestClient,
  textOf,
} from '../mcp-client.ts';

const STDIO = [process.execPath, new URL('../fakes/upstream-stdio.ts', import.meta.url).pathname];
const UPSTREAMS = ['legacy', 'modern', 'old', 'process', 'modern-process', 'sse'] as const;
let fakes: FakeHttpUpstream[];
let gateway: TestGateway;

before(async () => {
  const [legacy, modern, old, sse] = [
    await startLegacyUpstream(),
    await startModernUpstream(),
    await startLegacyUpstream({ revision: '2025-03-26', stateless: true, noStream: true }),
    await startSseUpstream(),
  ];
  fakes = [legacy, modern, old, sse];
  gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'legacy', url: legacy.url },
        { name: 'modern', url: modern.url },
        { name: 'old', url: old.url },
        { name: 'sse', url: sse.url, transport: 'sse' },
        { name: 'process', command: STDIO },
        { name: 'modern-process', command: [...STDIO, '--modern'] },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  for (const fake of fakes) await fake.close();
});

const resultOf = async (client: TestClient, method: string, params: Any): Promise<Any> => {
  const { message, body } = await client.request(method, params);
  assert.ok(message?.result !== undefined, `${method}: ${body}`);
  return message.result;
};

async function assertEverythingWorks(client: TestClient, prefix: string): Promise<void> {
  const named = async (method: string, member: string, key: string) =>
    (await listAll(client, method, member)).map((item): string => item[key]);
  const tools = await named('tools/list', 'tools', 'name');
  for (const tool of ['echo', 'progress', 'delete']) assert.ok(tools.includes(prefix + tool), `${tools}`);
  assert.ok((await named('prompts/list', 'prompts', 'name')).includes(`${prefix}greet`));
  assert.ok((await named('resources/list', 'resources', 'uri')).includes('test://two'));
  const templates = await named('resources/templates/list', 'resourceTemplates', 'uriTemplate');
  assert.deepEqual(templates, ['test://item/{id}']);

  const call = await client.request('tools/call', { name: `${prefix}echo`, arguments: { text: 'Grüße, 世界' } });
  assert.equal(textOf(call), 'Grüße, 世界');
  const prompt = await resultOf(client, 'prompts/get', { name: `${prefix}greet`, arguments: { who: 'Ada' } });
  assert.equal(prompt.messages[0].content.text, 'Hello Ada');
  for (const uri of ['test://one', 'test://item/7']) {
    const read = await resultOf(client, 'resources/read', { uri });
    assert.equal(read.contents[0].text, `content of ${uri}`);
  }
  const argument = { name: 'who', value: 'o' };
  for (const ref of [
    { type: 'ref/prompt', name: `${prefix}greet` },
    { type: 'ref/resource', uri: 'test://item/{id}' },
  ]) {
    const { completion } = await resultOf(client, 'completion/complete', { ref, argument });
    assert.deepEqual(completion.values, ['one', 'two']);
  }
  const progress = await client.request(
    'tools/call',
    { name: `${prefix}progress`, arguments: { steps: 3, text: 'at work' } },
    { meta: { progressToken: 'my token' } },
  );
  assert.equal(textOf(progress), 'at work');
  assert.deepEqual(
    progress.messages.slice(0, -1).map(({ method, params }) => [method, params.progressToken, params.progress]),
    [1, 2, 3].map((step) => ['notifications/progress', 'my token', step]),
  );
  const unknown = await client.request('no/such/method', {});
  assert.equal(unknown.message.error.code, -32601);
}

for (const era of ['legacy', 'modern'] as const) {
  for (const upstream of UPSTREAMS) {
    test(`a ${era} client has everything of the ${upstream} upstream, at /mcp/${upstream} and at /mcp`, async () => {
      await assertEverythingWorks(await clientOf(era, `${gateway.url}/mcp/${upstream}`, gateway.serviceKey), '');
      await assertEverythingWorks(await clientOf(era, `${gateway.url}/mcp`, gateway.serviceKey), `${upstream}__`);
    });
  }
}

test('a legacy client is told what the upstreams can do, in the revision that it asked for', async () => {
  for (const revision of ['2025-03-26', '2025-06-18', '2025-11-25']) {
    const all = await legacyClient(`${gateway.url}/mcp`, gateway.serviceKey, { revision });
    assert.equal(all.initialized.protocolVersion, revision);
    assert.equal(all.initialized.serverInfo.name, 'toolgate');
    assert.equal(all.initialized.instructions, undefined);
    const { tools, prompts, resources, completions, logging } = all.initialized.capabilities;
    assert.deepEqual(
      { tools, prompts, resources, completions, logging },
      {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {},
        logging: {},
      },
    );
    assert.equal(textOf(await all.request('tools/call', { name: 'legacy__echo', arguments: { text: 'x' } })), 'x');
    assert.deepEqual((await all.request('ping')).message.result, {});
    assert.deepEqual((await all.request('logging/setLevel', { level: 'warning' })).message.result, {});
    assert.equal((await all.request('logging/setLevel', { level: 'loud' })).message.error.code, -32602);
  }
  const unknown = await legacyClient(`${gateway.url}/mcp`, gateway.serviceKey, { revision: '2025-01-01' });
  assert.equal(unknown.initialized.protocolVersion, '2025-11-25');
  const one = await legacyClient(`${gateway.url}/mcp/legacy`, gateway.serviceKey);
  assert.equal(one.initialized.serverInfo.name, 'legacy-fake');
  assert.equal(one.initialized.instructions, 'Be kind to the fake.');
});

test('a modern client discovers the gateway, or the one upstream of a mount', async () => {
  const all = (await modernClient(`${gateway.url}/mcp`, gateway.serviceKey).request('server/discover')).message.result;
  assert.equal(all.supportedVersions[0], '2026-07-28');
  assert.equal(all._meta['io.modelcontextprotocol/serverInfo'].name, 'toolgate');
  assert.equal(all.resultType, 'complete');
  for (const name of ['tools', 'prompts', 'resources', 'completions']) assert.ok(name in all.capabilities, name);
  const one = await modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey).request('server/discover');
  assert.equal(one.message.result._meta['io.modelcontextprotocol/serverInfo'].name, 'modern-fake');
  assert.equal(one.message.result.instructions, 'Be kind to the fake.');
});

test('what belongs to one era is unknown in the other', async () => {
  const modern = modernClient(`${gateway.url}/mcp`, gateway.serviceKey);
  for (const method of ['initialize', 'ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe']) {
    const reply = await modern.request(method, { uri: 'test://one', level: 'info' });
    assert.deepEqual([reply.status, reply.message.error.code], [404, -32601], method);
  }
  const legacy = await legacyClient(`${gateway.url}/mcp`, gateway.serviceKey);
  for (const method of ['server/discover', 'subscriptions/listen']) {
    const reply = await legacy.request(method, { notifications: {} });
    assert.deepEqual([reply.status, reply.message.error.code], [200, -32601], method);
  }
});

test('an error of a tool and an error of an upstream reach the client as the upstream made them', async () => {
  const [legacy, modern] = fakes as [FakeHttpUpstream, FakeHttpUpstream];
  const failing = { content: [{ type: 'text', text: 'no disk' }], isError: true, _meta: { 'example.com/why': 7 } };
  for (const { behaviour } of [legacy, modern]) {
    behaviour.tools[0]!.call = () => failing;
    behaviour.errors.set('prompts/get', { code: 4711, message: 'The printer is on fire.' });
  }
  try {
    for (const era of ['legacy', 'modern'] as const) {
      for (const upstream of ['legacy', 'modern']) {
        const client = await clientOf(era, `${gateway.url}/mcp`, gateway.serviceKey);
        const { message } = await client.request('tools/call', { name: `${upstream}__echo`, arguments: {} });
        const { resultType: _, ...result } = message.result;
        assert.deepEqual(result, failing);
        const prompt = await client.request('prompts/get', { name: `${upstream}__greet` });
        assert.equal(prompt.message.error.code, 4711);
        assert.equal(prompt.message.error.message, 'The printer is on fire.');
      }
    }
  } finally {
    for (const { behaviour } of [legacy, modern]) behaviour.errors.clear();
  }
});

test('a request without a session, a wrong method and a wrong Accept are told what is wrong', async () => {
  const url = `${gateway.url}/mcp`;
  const headers = { authorization: `Bearer ${gateway.serviceKey}` };
  const ping = { jsonrpc: '2.0', id: 3, method: 'ping' };
  const noSession = await send(url, { body: ping, headers });
  assert.deepEqual([noSession.status, noSession.message.id], [400, 3]);
  assert.match(noSession.message.error.message, /session/i);
  const put = await send(url, { method: 'PUT', body: ping, headers });
  assert.deepEqual([put.status, put.headers.allow], [405, 'GET, POST, DELETE']);
  const html = await send(url, { body: ping, headers: { ...headers, accept: 'text/html' } });
  assert.equal(html.status, 406);
  const get = await send(url, { method: 'GET', headers: { ...headers, accept: 'application/json' } });
  assert.equal(get.status, 406);
  const form = await send(url, {
    body: 'a=b',
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
  });
  assert.equal(form.status, 415);
  const version = { ...headers, 'mcp-protocol-version': '2024-11-05' };
  const old = await send(url, { body: ping, headers: version });
  assert.deepEqual([old.status, old.message.error.code], [400, -32022]);
});
