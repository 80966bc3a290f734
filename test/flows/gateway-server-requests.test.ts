/**
 * Upstreams ask clients back: for a sample of the model, an answer of the user, the roots. All of one client's upstreams
 * speak into one session, so their ids and tokens, which each of them chose for itself, must not meet there.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startSseUpstream } from '../fakes/upstream-sse.ts';
import { type Any, type LegacyClient, legacyClient, modernClient, type OpenAnswer, send } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

const STDIO = [process.execPath, new URL('../fakes/upstream-stdio.ts', import.meta.url).pathname];
const UPSTREAMS = ['one', 'two', 'sse', 'process'] as const;
const CAPABILITIES = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
let one: FakeLegacyUpstream;
let two: FakeLegacyUpstream;
let sse: FakeHttpUpstream;
let gateway: PeopledGateway<'ann' | 'bob'>;

before(async () => {
  one = await startLegacyUpstream();
  two = await startLegacyUpstream();
  sse = await startSseUpstream();
  gateway = await startWithPeople({
    people: { ann: { roles: ['full-access'] }, bob: { roles: ['full-access'] } },
    config: {
      upstreams: [
        { name: 'one', url: one.url },
        { name: 'two', url: two.url },
        { name: 'sse', url: sse.url, transport: 'sse' },
        { name: 'process', command: STDIO, isolation: 'session' },
      ],
    },
  });
});

after(async () => {
  for (const fake of [one, two, sse]) await fake.close();
  await gateway.close();
});

const connect = (name: 'ann' | 'bob', path = '/mcp'): Promise<LegacyClient> =>
  legacyClient(gateway.url + path, gateway.keys[name], { capabilities: CAPABILITIES, name });

/** A question that stands in an answer: what arrived, and what the tool made of the reply. */
async function asked(answer: OpenAnswer): Promise<Any> {
  return answer.find((message) => message.method !== undefined && message.id !== undefined);
}
const toldTool = async (answer: OpenAnswer): Promise<Any> => {
  const { result } = await answer.find((message) => message.result !== undefined);
  return JSON.parse(result.content[0].text);
};

for (const upstream of UPSTREAMS) {
  test(`the ${upstream} upstream asks in the middle of a call, and gets the client’s answer`, async () => {
    const client = await connect('ann');
    for (const method of ['sampling/createMessage', 'elicitation/create', 'roots/list']) {
      const answer = await client.open('tools/call', { name: `${upstream}__ask`, arguments: { method } });
      const question = await asked(answer);
      assert.equal(question.method, method);
      const reply = await client.respond(question.id, { said: `${method} for ${upstream}`, big: 1 });
      assert.equal(reply.status, 202);
      assert.deepEqual(await toldTool(answer), { said: `${method} for ${upstream}`, big: 1 });
    }
  });
}

test('upstreams that ask at the same time with the same id each get their own answer, for each client', async () => {
  const clients = [await connect('ann'), await connect('bob'), await connect('bob')];
  await Promise.all(
    clients.map(async (client, index) => {
      const answers = await Promise.all(
        UPSTREAMS.map((upstream) => client.open('tools/call', { name: `${upstream}__ask`, arguments: {} })),
      );
      const questions = await Promise.all(answers.map(asked));
      assert.equal(new Set(questions.map(({ id }) => id)).size, UPSTREAMS.length, 'ids are unique in the session');
      // Answered in another order than asked.
      for (const at of [2, 0, 3, 1]) {
        await client.respond(questions[at].id, { said: `${index} to ${UPSTREAMS[at]}` });
      }
      for (const [at, answer] of answers.entries()) {
        assert.deepEqual(await toldTool(answer), { said: `${index} to ${UPSTREAMS[at]}` });
      }
    }),
  );
});

test('a refusal of the client reaches the upstream that asked', async () => {
  const client = await connect('ann', '/mcp/one');
  const answer = await client.open('tools/call', { name: 'ask', arguments: {} });
  const { id } = await asked(answer);
  const error = { code: -1, message: 'User rejected sampling request' };
  const reply = await send(`${gateway.url}/mcp/one`, {
    body: { jsonrpc: '2.0', id, error },
    headers: { authorization: `Bearer ${gateway.keys.ann}`, 'mcp-session-id': client.sessionId },
  });
  assert.equal(reply.status, 202);
  assert.deepEqual(await toldTool(answer), error);
});

test('an answer counts once, only in the session that was asked, and only under the id that it was given', async () => {
  const ann = await connect('ann');
  const again = await connect('ann');
  const bob = await connect('bob');
  const answer = await ann.open('tools/call', { name: 'one__ask', arguments: {} });
  const { id } = await asked(answer);
  for (const other of [again, bob]) assert.equal((await other.respond(id, { said: 'not mine' })).status, 400);
  for (const wrong of [id + 1, String(id), 1001, 0, '__proto__']) {
    assert.equal((await ann.respond(wrong, { said: 'wrong id' })).status, 400, String(wrong));
  }
  assert.equal((await ann.respond(id, { said: 'mine' })).status, 202);
  assert.equal((await ann.respond(id, { said: 'twice' })).status, 400);
  assert.deepEqual(await toldTool(answer), { said: 'mine' });
});

/** Opens a stream on which both upstreams can speak unasked. */
async function listening(name: 'ann' | 'bob') {
  const client = await connect(name);
  for (const upstream of ['one', 'two'])
    await client.request('tools/call', { name: `${upstream}__echo`, arguments: {} });
  const stream = await client.listen();
  // Until both are attached: what they say before is theirs to repeat.
  for (const [upstream, fake] of Object.entries({ one, two })) {
    const hello = (message: Any) => message.params?.data === `hello from ${upstream}`;
    while (!stream.messages.some(hello)) {
      fake.sendRaw({
        jsonrpc: '2.0',
        method: 'notifications/message',
        params: { level: 'info', data: `hello from ${upstream}` },
      });
      await setTimeout(10);
    }
  }
  return { client, stream };
}

const question = (label: string) => ({
  jsonrpc: '2.0',
  id: 5,
  method: 'sampling/createMessage',
  params: { messages: [], label, _meta: { progressToken: 'token' } },
});
/** What a client, and not the gateway itself, told this upstream. */
const told = (fake: FakeHttpUpstream, matches: (message: Any) => boolean): Any[] =>
  fake.received.map(({ message }) => message).filter((message) => message !== undefined && matches(message));

test('questions on the standing stream are kept apart, too, and taken back under the id that the client knows', async () => {
  const { client, stream } = await listening('ann');
  one.sendRaw(question('of one'));
  two.sendRaw(question('of two'));
  const first = await stream.find(({ params }) => params?.label === 'of one');
  const second = await stream.find(({ params }) => params?.label === 'of two');
  assert.notEqual(first.id, second.id);

  one.sendRaw({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5, reason: 'never mind' } });
  const cancelled = await stream.find(({ method }) => method === 'notifications/cancelled');
  assert.deepEqual(cancelled.params, { requestId: first.id, reason: 'never mind' });

  await client.respond(second.id, { said: 'for two' });
  const isAnswer = ({ result }: Any) => result?.said === 'for two';
  assert.deepEqual(
    told(two, isAnswer).map(({ id }) => id),
    [5],
  );
  assert.deepEqual(told(one, isAnswer), []);
  stream.close();
});

test('the client’s progress on a question goes to the upstream that asked, under its own token, and to no other', async () => {
  const { client, stream } = await listening('bob');
  one.sendRaw(question('progress for one'));
  two.sendRaw(question('progress for two'));
  const first = await stream.find(({ params }) => params?.label === 'progress for one');
  const second = await stream.find(({ params }) => params?.label === 'progress for two');
  assert.notEqual(first.params._meta.progressToken, second.params._meta.progressToken);
  await client.notify('notifications/progress', {
    progressToken: second.params._meta.progressToken,
    progress: 1,
    message: 'only two may know',
  });
  const isProgress = ({ method, params }: Any) =>
    method === 'notifications/progress' && params.message === 'only two may know';
  while (told(two, isProgress).length === 0) await setTimeout(5);
  assert.equal(told(two, isProgress)[0].params.progressToken, 'token');
  assert.deepEqual(told(one, isProgress), []);
  await client.notify('notifications/progress', { progressToken: 'token', progress: 2, message: 'of nobody' });
  await client.respond(first.id, {});
  const unknown = ({ params }: Any) => params?.message === 'of nobody';
  assert.deepEqual([...told(one, unknown), ...told(two, unknown)], []);
  stream.close();
});

test('changed roots are told to the upstreams that the client uses', async () => {
  const { client, stream } = await listening('ann');
  const count = (fake: FakeHttpUpstream) =>
    told(fake, ({ method }) => method === 'notifications/roots/list_changed').length;
  assert.equal((await client.notify('notifications/roots/list_changed')).status, 202);
  while (count(one) < 1 || count(two) < 1) await setTimeout(5);
  assert.deepEqual([count(one), count(two)], [1, 1]);
  stream.close();
});

test('nobody is asked across eras or over a shared connection: the upstream is told so at once', async () => {
  const client = modernClient(`${gateway.url}/mcp`, gateway.keys.ann);
  for (const upstream of ['one', 'sse', 'process']) {
    const reply = await client.request('tools/call', { name: `${upstream}__ask`, arguments: {} });
    assert.deepEqual(
      reply.messages.filter(({ method, id }) => method !== undefined && id !== undefined),
      [],
    );
    assert.match(reply.message.result.content[0].text, /-32601/);
  }
});

test('the capabilities of the client, and nothing more, are what its upstreams may ask for', async () => {
  await connect('ann').then((client) => client.request('tools/call', { name: 'one__echo', arguments: {} }));
  const opened = one.calls('initialize').filter(({ message }) => message.params.clientInfo.name === 'ann');
  assert.deepEqual(opened.at(-1)!.message.params.capabilities, CAPABILITIES);
  const [own] = one.calls('initialize').filter(({ message }) => message.params.clientInfo.name === 'toolgate');
  assert.deepEqual(own!.message.params.capabilities, {});
});
