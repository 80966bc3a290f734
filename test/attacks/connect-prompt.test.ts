/**
 * What a client is given to connect an account is good for the person who was asked, and for nobody else: not the
 * `requestState` (2026-07-28, "Multi Round-Trip Requests"), not the elicitation id (2025-11-25, "URL Mode").
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type ConnectGateway, startConnectGateway, tokenOf, wantsAccount } from '../connect-gateway.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, legacyClient, modernClient } from '../mcp-client.ts';

type Name = 'alice' | 'mallory';
let fake: FakeHttpUpstream;
let open: FakeHttpUpstream;
let on: ConnectGateway<Name>;

const ASK = { meta: { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { url: {} } } } };
const ECHO = { name: 'notes__echo', arguments: { text: 'hello' } };

before(async () => {
  fake = await startModernUpstream({ guard: wantsAccount });
  open = await startModernUpstream();
  on = await startConnectGateway({
    people: { alice: {}, mallory: {} },
    upstreams: { notes: fake.url },
    open: { open: open.url },
  });
});

beforeEach(() => {
  on.disconnect('alice', 'notes');
  on.disconnect('mallory', 'notes');
});

after(async () => {
  await on.close();
  await fake.close();
  await open.close();
});

const client = (name: Name, mount = '/mcp') => modernClient(`${on.url}${mount}`, on.keys[name]);
const stateOf = async (name: Name): Promise<string> =>
  (await client(name).request('tools/call', ECHO, ASK)).message.result.requestState;
const retry = async (name: Name, requestState: string, params: object = ECHO, mount?: string): Promise<Any> => {
  const inputResponses = { connect: { action: 'accept' } };
  return (await client(name, mount).request('tools/call', { ...params, inputResponses, requestState }, ASK)).message;
};
const callsWith = (name: Name) =>
  fake.calls('tools/call').filter(({ headers }) => headers.authorization === tokenOf(on.idOf(name), 'notes')).length;

for (const [what, attempt] of [
  ['the state of another person', async () => retry('mallory', await stateOf('alice'))],
  ['the state of another tool', async () => retry('mallory', await stateOf('mallory'), { name: 'notes__delete' })],
  ['the state of another upstream', async () => retry('mallory', await stateOf('mallory'), { name: 'open__echo' })],
  [
    'the state of another mount',
    async () => retry('mallory', await stateOf('mallory'), { name: 'echo' }, '/mcp/notes'),
  ],
  [
    'a state that names another upstream',
    async () => retry('mallory', (await stateOf('mallory')).replace('notes/', 'open/')),
  ],
  [
    'a state that was made to look younger',
    async () =>
      retry('mallory', (await stateOf('mallory')).replace(/^tgc1\.[^.]+/, `tgc1.${(Date.now() + 1e7).toString(36)}`)),
  ],
  ['a state without its seal', async () => retry('mallory', 'tgc1.0.notes/not_connected')],
  ['a made-up state', () => retry('mallory', `tgc1.${Date.now().toString(36)}.${'A'.repeat(43)}.notes/not_connected`)],
] as const) {
  test(`${what} is refused, on record, and reaches no upstream`, async () => {
    const before = fake.calls('tools/call').length + open.calls('tools/call').length;
    const from = on.records.length;
    const message = await attempt();
    assert.equal(message.error?.code, -32602, JSON.stringify(message));
    assert.equal(fake.calls('tools/call').length + open.calls('tools/call').length, before);
    assert.equal(on.records.slice(from).filter(({ reason }) => reason?.includes('requestState')).length, 1);
  });
}

test('a state of an upstream does not pass for the gateway’s own, nor the other way round', async () => {
  const asking = {
    definition: { name: 'asking', inputSchema: { type: 'object' } },
    call: () => ({ resultType: 'input_required', requestState: 'notes/not_connected' }),
  };
  open.behaviour.tools.push(asking);
  open.announce('notifications/tools/list_changed');
  const call = () => client('mallory').request('tools/call', { name: 'open__asking' }, ASK);
  let { message } = await call();
  for (; message.error !== undefined; { message } = await call())
    await new Promise((resolve) => setTimeout(resolve, 20));
  const sealed: string = message.result.requestState;
  assert.match(sealed, /^tg1\./);
  const turned = sealed.replace(/^tg1\./, 'tgc1.');
  assert.equal((await retry('mallory', turned, { name: 'open__asking' })).error.code, -32602);

  const own = await stateOf('mallory');
  await on.connect('mallory', 'notes');
  const before = fake.calls('tools/call').length;
  assert.equal((await retry('mallory', own.replace(/^tgc1\./, 'tg1.'))).error.code, -32602);
  assert.equal(fake.calls('tools/call').length, before);
});

test('whose account is used is who calls, whatever state and answer come with it', async () => {
  const state = await stateOf('alice');
  await on.connect('alice', 'notes');
  const before = callsWith('alice');
  // With alice connected, her state opens nothing for mallory, with or without it.
  assert.equal((await retry('mallory', state)).error.code, -32602);
  const { message } = await client('mallory').request('tools/call', ECHO, ASK);
  assert.equal(message.result.resultType, 'input_required');
  assert.equal(message.result.inputRequests.connect.params.url, on.linkOf('mallory', 'notes'));
  assert.equal(callsWith('alice'), before);
});

test('saying that it is done does not make it so', async () => {
  const session = await legacyClient(`${on.url}/mcp`, on.keys.mallory, { capabilities: { elicitation: { url: {} } } });
  const victim = await legacyClient(`${on.url}/mcp`, on.keys.alice, { capabilities: { elicitation: { url: {} } } });
  const stream = await victim.listen();
  const asked = (await victim.request('tools/call', ECHO)).message.error.data.elicitations[0];
  const own = (await session.request('tools/call', ECHO)).message.error.data.elicitations[0];
  for (const { elicitationId } of [asked, own]) {
    assert.equal((await session.notify('notifications/elicitation/complete', { elicitationId })).status, 202);
  }
  assert.equal((await session.request('tools/call', ECHO)).message.error.code, -32042);
  await on.connect('mallory', 'notes');
  on.disconnect('alice', 'notes');
  await stream.find(({ method }) => method === 'notifications/tools/list_changed');
  const methods = stream.messages.map(({ method }) => method);
  assert.ok(!methods.includes('notifications/elicitation/complete'), 'nobody else settles her question');
  assert.equal((await victim.request('tools/call', ECHO)).message.error.code, -32042);
  stream.close();
});

test('many questions of one session do not pile up', async () => {
  const session = await legacyClient(`${on.url}/mcp`, on.keys.mallory, { capabilities: { elicitation: { url: {} } } });
  const stream = await session.listen();
  for (let i = 0; i < 150; i++) await session.request('tools/call', ECHO);
  await on.connect('mallory', 'notes');
  await stream.find(({ method }) => method === 'notifications/tools/list_changed');
  const settled = stream.messages.filter(({ method }) => method === 'notifications/elicitation/complete');
  assert.equal(settled.length, 100);
  stream.close();
});
