/** An upstream without an account of the caller's is found, and its account is offered, by a tool of the gateway's own. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type ConnectGateway, SIGN_IN_URL, startConnectGateway, wantsAccount } from '../connect-gateway.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, legacyClient, listAll, modernClient, type Reply, textOf } from '../mcp-client.ts';

type Name = 'ann' | 'robot' | 'nobody' | 'other-token' | 'narrow-token' | 'one-tool-key';
let fakes: Record<'modern' | 'legacy' | 'open', FakeHttpUpstream>;
let on: ConnectGateway<Name>;

const URL_MODE = { elicitation: { url: {} } };
const ASK = { meta: { 'io.modelcontextprotocol/clientCapabilities': URL_MODE } };

before(async () => {
  fakes = {
    modern: await startModernUpstream({ guard: wantsAccount }),
    legacy: await startLegacyUpstream({ guard: wantsAccount }),
    open: await startModernUpstream(),
  };
  on = await startConnectGateway({
    people: {
      ann: {},
      robot: { kind: 'service_account' },
      nobody: { allow: [{ upstream: 'open' }] },
      'other-token': { scopes: ['mcp:open'] },
      'narrow-token': { scopes: ['mcp:modern:echo'] },
      'one-tool-key': { restriction: { roles: [], tools: ['legacy__*'] } },
    },
    upstreams: { modern: fakes.modern.url, legacy: fakes.legacy.url },
    open: { open: fakes.open.url },
  });
});

afterEach(() => {
  for (const upstream of ['modern', 'legacy']) {
    on.disconnect('ann', upstream);
  }
});

after(async () => {
  await on.close();
  for (const fake of Object.values(fakes)) await fake.close();
});

const modern = (name: Name, mount = '/mcp') => modernClient(`${on.url}${mount}`, on.keys[name]);
const legacy = (name: Name, mount = '/mcp') =>
  legacyClient(`${on.url}${mount}`, on.keys[name], { capabilities: URL_MODE });
const echo = (upstream: string) => ({ name: `${upstream}__echo`, arguments: { text: 'hello' } });
const toolNames = async (client: Parameters<typeof listAll>[0]): Promise<string[]> =>
  (await listAll(client, 'tools/list', 'tools')).map(({ name }: Any) => name);

/** What a client does with an `input_required` result. */
const retryOf = (params: object, { message }: Reply) => ({
  ...params,
  requestState: message.result.requestState,
  inputResponses: { connect: { action: 'accept' } },
});

for (const era of ['modern', 'legacy'] as const) {
  test(`${era} client: an upstream without an account is found by a tool of the gateway's own, until there is one`, async () => {
    for (const mount of ['/mcp', '/mcp/modern']) {
      const prefix = mount === '/mcp' ? 'modern__' : '';
      const client = await clientOf(era, `${on.url}${mount}`, on.keys.ann);
      const before = await toolNames(client);
      assert.ok(before.includes(`${prefix}connect`), String(before));
      assert.ok(!before.includes(`${prefix}echo`));
      if (mount === '/mcp') {
        assert.ok(before.includes('legacy__connect'));
        assert.ok(before.includes('open__echo'), 'the others are listed as ever');
      } else assert.deepEqual(before, ['connect']);
      const reply = await client.request('tools/call', { name: `${prefix}connect`, arguments: {} });
      assert.ok(textOf(reply).includes(on.linkOf('ann', 'modern')));
      await on.connect('ann', 'modern');
      const now = await toolNames(client);
      assert.ok(now.includes(`${prefix}echo`));
      assert.ok(!now.includes(`${prefix}connect`));
      const connected = await client.request('tools/call', { name: `${prefix}connect`, arguments: {} });
      assert.equal(connected.message.result.isError, undefined);
      assert.match(textOf(connected), /modern is connected/);
      on.disconnect('ann', 'modern');
      assert.ok((await toolNames(client)).includes(`${prefix}connect`), 'it is back after leaving');
    }
  });
}

test('the tool that connects is valid, and asks nothing of the model', async () => {
  const tools = await listAll(modern('ann'), 'tools/list', 'tools');
  const tool = tools.find(({ name }) => name === 'modern__connect');
  assert.deepEqual(tool.inputSchema, { type: 'object', properties: {}, additionalProperties: false });
  assert.match(tool.description, /modern/);
  assert.equal(new Set(tools.map(({ name }: Any) => name)).size, tools.length);
});

test('calling it is asking, in every form that there is', async () => {
  const params = { name: 'modern__connect', arguments: {} };
  const asked = await modern('ann').request('tools/call', params, ASK);
  assert.equal(asked.message.result.resultType, 'input_required');
  const session = await legacy('ann');
  assert.equal((await session.request('tools/call', params)).message.error.code, -32042);
  await on.connect('ann', 'modern');
  assert.match(textOf(await modern('ann').request('tools/call', retryOf(params, asked), ASK)), /connected/);
});

test('a tool of the upstream that is called `connect`, too, is the upstream’s once there is an account', async () => {
  const { behaviour } = fakes.modern;
  const own = {
    definition: { name: 'connect', inputSchema: { type: 'object' } },
    call: () => ({ content: [{ type: 'text', text: 'dialling' }] }),
  };
  behaviour.tools.push(own);
  try {
    const client = modern('ann');
    const reply = await client.request('tools/call', { name: 'modern__connect' });
    assert.ok(textOf(reply).includes(on.linkOf('ann', 'modern')));
    await on.connect('ann', 'modern');
    assert.equal((await toolNames(client)).filter((name) => name === 'modern__connect').length, 1);
    assert.equal(textOf(await client.request('tools/call', { name: 'modern__connect' })), 'dialling');
  } finally {
    behaviour.tools.splice(behaviour.tools.indexOf(own), 1);
  }
});

for (const [who, due] of [
  ['nobody', []],
  ['other-token', []],
  ['narrow-token', ['modern__connect']],
  ['one-tool-key', ['legacy__connect']],
  ['robot', []],
] as const) {
  test(`${who} is offered to connect ${due.length === 0 ? 'nothing' : due} and nothing else`, async () => {
    const client = modern(who);
    const offered = (await toolNames(client)).filter((name) => name.endsWith('connect'));
    assert.deepEqual(offered, due);
    for (const name of ['modern__connect', 'legacy__connect']) {
      const { message, body } = await client.request('tools/call', { name }, ASK);
      if ((due as readonly string[]).includes(name)) assert.equal(message.result.resultType, 'input_required');
      else assert.ok(message.error && !body.includes('/connect/'), body);
    }
    // Nor is anybody asked by way of a name that they may not use.
    for (const name of ['modern__echo', 'legacy__echo', 'modern__delete']) {
      const { body } = await client.request('tools/call', { name }, ASK);
      const mayUse =
        who === 'narrow-token' ? name.startsWith('modern') : who === 'one-tool-key' && name.startsWith('legacy');
      assert.equal(body.includes('/connect/'), mayUse, `${name}: ${body}`);
    }
  });
}

test('a token that covers nothing of an upstream is told which scope it lacks, and of no account', async () => {
  for (const [client, name] of [
    [modern('other-token'), 'modern__echo'],
    [modern('other-token', '/mcp/modern'), 'connect'],
  ] as const) {
    const { status, message, headers } = await client.request('tools/call', { name }, ASK);
    assert.equal(status, 403);
    assert.equal(message.error.data.code, 'insufficient_scope');
    assert.deepEqual(message.error.data.scopes, ['mcp:open', 'mcp:modern']);
    assert.match(String(headers['www-authenticate']), /insufficient_scope/);
  }
});

test('the mount of an upstream without an account opens, with lists that are empty but for the way in', async () => {
  const session = await legacy('ann', '/mcp/modern');
  assert.deepEqual(session.initialized.capabilities.tools, { listChanged: true });
  const client = modern('ann', '/mcp/modern');
  assert.ok((await client.request('server/discover')).message.result);
  for (const [method, member] of [
    ['prompts/list', 'prompts'],
    ['resources/list', 'resources'],
    ['resources/templates/list', 'resourceTemplates'],
  ] as const) {
    assert.deepEqual(await listAll(client, method, member), []);
    assert.deepEqual(await listAll(session, method, member), []);
  }
  for (const who of ['nobody', 'robot'] as const) {
    const { message } = await modern(who, '/mcp/modern').request('tools/list');
    assert.ok(message.error, 'who cannot connect it sees an error');
  }
});

test('an unknown resource on /mcp is unknown, and no reason to connect anything', async () => {
  const { message } = await modern('ann').request('resources/read', { uri: 'test://nowhere' }, ASK);
  assert.equal(message.error.code, -32602, JSON.stringify(message));
});

test('without pages there is nothing to be sent to: the error is a plain one and no tool is shown', async () => {
  const plain = await startConnectGateway({
    people: { ann: {} },
    upstreams: { modern: fakes.modern.url },
    pages: false,
  });
  try {
    const client = modernClient(`${plain.url}/mcp`, plain.keys.ann);
    assert.deepEqual(await toolNames(client), []);
    const { message } = await client.request('tools/call', echo('modern'), ASK);
    assert.equal(message.error.data.code, 'connection_required');
    assert.equal(message.error.message, '"modern" needs an account.');
    const called = await client.request('tools/call', { name: 'modern__connect' }, ASK);
    assert.equal(called.message.error.message, '"modern" needs an account.');
  } finally {
    await plain.close();
  }
});

test('where the identity provider vouches for people, they are sent to sign in there again', async () => {
  const vouched = await startConnectGateway({
    people: { ann: {}, robot: { kind: 'service_account' } },
    upstreams: {},
    vouched: { modern: fakes.modern.url },
    pages: false,
  });
  try {
    const client = modernClient(`${vouched.url}/mcp`, vouched.keys.ann);
    assert.deepEqual(await toolNames(client), ['modern__connect']);
    assert.deepEqual(await toolNames(modernClient(`${vouched.url}/mcp`, vouched.keys.robot)), []);
    const asked = await client.request('tools/call', echo('modern'), ASK);
    assert.equal(asked.message.result.inputRequests.connect.params.url, SIGN_IN_URL);
    const opening = client.open('tools/call', retryOf(echo('modern'), asked), ASK);
    while (vouched.gateway.callsUnderWay() === 0) await new Promise(setImmediate);
    // Nobody tells the gateway: it looks.
    vouched.store('ann', 'modern');
    const answer = await opening;
    await answer.closed;
    assert.equal(answer.messages[0].result.content[0].text, 'hello');
  } finally {
    await vouched.close();
  }
});
