/**
 * Who has connected no account of their own at an upstream is asked to, in the form that their client understands; and
 * once they have, the call just works.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { type ConnectGateway, startConnectGateway, wantsAccount } from '../connect-gateway.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, legacyClient, listAll, modernClient, type Reply, textOf } from '../mcp-client.ts';

type Name = 'ann' | 'bob';
let fakes: Record<'modern' | 'legacy', FakeHttpUpstream>;
let on: ConnectGateway<Name>;

const URL_MODE = { elicitation: { url: {} } };
const ASK = { meta: { 'io.modelcontextprotocol/clientCapabilities': URL_MODE } };

before(async () => {
  fakes = {
    modern: await startModernUpstream({ guard: wantsAccount }),
    legacy: await startLegacyUpstream({ guard: wantsAccount }),
  };
  on = await startConnectGateway({
    people: { ann: {}, bob: {} },
    upstreams: { modern: fakes.modern.url, legacy: fakes.legacy.url },
  });
});

afterEach(() => {
  for (const upstream of ['modern', 'legacy']) {
    for (const name of ['ann', 'bob'] as const) on.disconnect(name, upstream);
  }
});

after(async () => {
  await on.close();
  for (const fake of Object.values(fakes)) await fake.close();
});

const modern = (name: Name, mount = '/mcp') => modernClient(`${on.url}${mount}`, on.keys[name]);
const legacy = (name: Name, options: { revision?: string; capabilities?: object } = {}) =>
  legacyClient(`${on.url}/mcp`, on.keys[name], { capabilities: URL_MODE, ...options });
const echo = (upstream: string, text = 'hello') => ({ name: `${upstream}__echo`, arguments: { text } });
const toolNames = async (client: Parameters<typeof listAll>[0]): Promise<string[]> =>
  (await listAll(client, 'tools/list', 'tools')).map(({ name }: Any) => name);

/** What a client does with an `input_required` result. */
const retryOf = (params: object, { message }: Reply, action?: string) => ({
  ...params,
  requestState: message.result.requestState,
  ...(action !== undefined && { inputResponses: { connect: { action } } }),
});

for (const upstream of ['modern', 'legacy'] as const) {
  test(`2025-11-25: a client with URL elicitation gets the error that the revision has for it (${upstream} upstream)`, async () => {
    const client = await legacy('ann');
    for (const [method, params] of [
      ['tools/call', echo(upstream)],
      ['prompts/get', { name: `${upstream}__greet` }],
    ] as const) {
      const { status, message } = await client.request(method, params);
      assert.equal(status, 200);
      assert.equal(message.error.code, -32042, JSON.stringify(message));
      const [elicitation, ...more] = message.error.data.elicitations;
      assert.deepEqual(more, []);
      assert.deepEqual(Object.keys(elicitation).sort(), ['elicitationId', 'message', 'mode', 'url']);
      assert.equal(elicitation.mode, 'url');
      assert.equal(elicitation.url, on.linkOf('ann', upstream));
      assert.ok(elicitation.elicitationId.length > 0);
      assert.match(elicitation.message, new RegExp(upstream));
    }
    const ids = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const { message } = await client.request('tools/call', echo(upstream));
      ids.add(message.error.data.elicitations[0].elicitationId);
    }
    assert.equal(ids.size, 3, 'every question has an id of its own');
    await on.connect('ann', upstream);
    assert.equal(textOf(await client.request('tools/call', echo(upstream))), 'hello');
  });

  test(`2026-07-28: a client with URL elicitation is asked in the result, and its retry goes through (${upstream} upstream)`, async () => {
    const client = modern('ann');
    const asked = await client.request('tools/call', echo(upstream), ASK);
    assert.equal(asked.status, 200);
    const { resultType, inputRequests, requestState } = asked.message.result;
    assert.equal(resultType, 'input_required');
    assert.equal(typeof requestState, 'string');
    const [request, ...more] = Object.values<Any>(inputRequests);
    assert.deepEqual(more, []);
    assert.equal(request.method, 'elicitation/create');
    assert.deepEqual(Object.keys(request.params).sort(), ['message', 'mode', 'url'], 'no elicitationId any more');
    assert.equal(request.params.url, on.linkOf('ann', upstream));

    await on.connect('ann', upstream);
    const before = fakes[upstream].calls('tools/call').length;
    const reply = await client.request('tools/call', retryOf(echo(upstream), asked, 'accept'), ASK);
    assert.equal(textOf(reply), 'hello');
    const [sent] = fakes[upstream].calls('tools/call').slice(before);
    assert.doesNotMatch(sent!.body, /requestState|inputResponses/, 'the upstream hears nothing of the question');
    assert.deepEqual(sent!.message.params.arguments, { text: 'hello' });
  });
}

test('2026-07-28: only the three requests that may be are answered with a question, and none with the old error', async () => {
  const client = modern('ann', '/mcp/modern');
  for (const [method, params] of [
    ['tools/call', { name: 'echo' }],
    ['prompts/get', { name: 'greet' }],
    ['resources/read', { uri: 'test://one' }],
  ] as const) {
    const { message } = await client.request(method, params, ASK);
    assert.equal(message.result?.resultType, 'input_required', `${method}: ${JSON.stringify(message)}`);
  }
  const ref = { type: 'ref/prompt', name: 'greet' };
  const { message } = await client.request('completion/complete', { ref, argument: { name: 'who', value: '' } }, ASK);
  assert.equal(message.error.data.code, 'connection_required');
  assert.ok(message.error.message.includes(on.linkOf('ann', 'modern')));
});

for (const [what, clientFor] of [
  ['a client of 2025-11-25 that knows forms only', () => legacy('ann', { capabilities: { elicitation: {} } })],
  ['a client of 2025-06-18, which has no such mode', () => legacy('ann', { revision: '2025-06-18' })],
  ['a client of 2025-11-25 without elicitation', () => legacy('ann', { capabilities: {} })],
  ['a client of 2026-07-28 without elicitation', () => modern('ann')],
] as const) {
  test(`${what} gets the link in the result of a tool, and in the error of everything else`, async () => {
    const client = await clientFor();
    const reply = await client.request('tools/call', echo('modern'));
    assert.equal(reply.message.result?.isError, true, reply.body);
    assert.notEqual(reply.message.result.resultType, 'input_required');
    assert.ok(textOf(reply).includes(on.linkOf('ann', 'modern')));
    const { message } = await client.request('prompts/get', { name: 'modern__greet' });
    assert.equal(message.error.code, 4044);
    assert.ok(message.error.message.includes(on.linkOf('ann', 'modern')));
    assert.equal(message.error.data.connectUrl, on.linkOf('ann', 'modern'));
    await on.connect('ann', 'modern');
    assert.equal(textOf(await client.request('tools/call', echo('modern'))), 'hello');
  });
}

test('a retry without the account is asked again, with a question that is as good as the first', async () => {
  const client = modern('ann');
  let reply = await client.request('tools/call', echo('modern'), ASK);
  for (let round = 0; round < 3; round++) {
    reply = await client.request('tools/call', retryOf(echo('modern'), reply), ASK);
    assert.equal(reply.message.result.resultType, 'input_required');
  }
  await on.connect('ann', 'modern');
  assert.equal(textOf(await client.request('tools/call', retryOf(echo('modern'), reply, 'accept'), ASK)), 'hello');
});

test('a retry of who agreed waits for them to come back from the page', async () => {
  const client = modern('ann');
  const asked = await client.request('tools/call', echo('modern'), ASK);
  const opening = client.open('tools/call', retryOf(echo('modern'), asked, 'accept'), ASK);
  while (on.gateway.callsUnderWay() === 0) await new Promise(setImmediate);
  await on.connect('ann', 'modern');
  const answer = await opening;
  await answer.closed;
  assert.equal(answer.messages[0].result.content[0].text, 'hello');
});

test('who declines gets the link as text and is not asked again and again', async () => {
  const client = modern('ann');
  for (const action of ['decline', 'cancel']) {
    const asked = await client.request('tools/call', echo('modern'), ASK);
    const reply = await client.request('tools/call', retryOf(echo('modern'), asked, action), ASK);
    assert.equal(reply.message.result.isError, true);
    assert.ok(textOf(reply).includes(on.linkOf('ann', 'modern')));
  }
  const asked = await client.request('tools/call', echo('modern'), ASK);
  await on.connect('ann', 'modern');
  const reply = await client.request('tools/call', retryOf(echo('modern'), asked, 'decline'), ASK);
  assert.equal(textOf(reply), 'hello', 'only the account counts');
});

for (const [what, end, status] of [
  ['is revoked', () => on.gateway.endOfAgent('key_bob'), 401],
  ['gets other roles', () => on.setRoles('bob', [{ upstream: 'modern', tools: ['late'] }]), 200],
] as const) {
  test(`a retry that waits is not carried out when its caller ${what} meanwhile`, async () => {
    const client = modern('bob');
    const asked = await client.request('tools/call', echo('modern'), ASK);
    const opening = client.open('tools/call', retryOf(echo('modern'), asked, 'accept'), ASK);
    while (on.gateway.callsUnderWay() === 0) await new Promise(setImmediate);
    const before = fakes.modern.calls('tools/call').length;
    await end();
    const answer = await opening;
    await answer.closed;
    assert.equal(answer.status, status);
    if (status === 200) {
      const { resultType, requestState, inputRequests } = answer.messages[0].result;
      assert.deepEqual([resultType, typeof requestState, inputRequests], ['input_required', 'string', undefined]);
    }
    assert.equal(fakes.modern.calls('tools/call').length, before);
    await on.setRoles('bob', [{ upstream: '*' }]);
  });
}

test('a connection that the provider ended is asked for in the very call that finds out', async () => {
  for (const upstream of ['modern', 'legacy'] as const) {
    await on.connect('ann', upstream);
    const old = await legacy('ann');
    const client = modern('ann');
    assert.equal(textOf(await client.request('tools/call', echo(upstream))), 'hello');
    const refuse = {
      kind: 'status',
      status: 401,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    } as const;
    fakes[upstream].faults.push(refuse);
    const { message } = await client.request('tools/call', echo(upstream), ASK);
    assert.equal(message.result?.resultType, 'input_required', JSON.stringify(message));
    assert.match(message.result.inputRequests.connect.params.message, /ended/);
    await on.connect('ann', upstream);
    fakes[upstream].faults.push(refuse);
    const again = await old.request('tools/call', echo(upstream));
    assert.equal(again.message.error?.code, -32042, again.body);
    await on.connect('ann', upstream);
    assert.equal(textOf(await old.request('tools/call', echo(upstream))), 'hello');
  }
});

test('a call that needs more permissions says so, and goes on once they were given', async () => {
  await on.connect('ann', 'modern');
  on.reasons.set(`${on.idOf('ann')} modern`, 'scopes');
  const client = modern('ann');
  fakes.modern.faults.push({
    kind: 'status',
    status: 403,
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="write"' },
  });
  const asked = await client.request('tools/call', echo('modern'), ASK);
  assert.match(asked.message.result.inputRequests.connect.params.message, /more permissions/);
  const opening = client.open('tools/call', retryOf(echo('modern'), asked, 'accept'), ASK);
  while (on.gateway.callsUnderWay() === 0) await new Promise(setImmediate);
  const before = fakes.modern.calls('tools/call').length;
  await on.connect('ann', 'modern');
  const answer = await opening;
  await answer.closed;
  assert.equal(answer.messages[0].result.content[0].text, 'hello');
  assert.equal(
    fakes.modern.calls('tools/call').length,
    before + 1,
    'the token with too few permissions was not tried again',
  );
});

test('a call that could not be made is on record as such, and never as a success', async () => {
  await on.connect('ann', 'modern');
  const client = modern('ann');
  await toolNames(client);
  on.disconnect('ann', 'modern');
  const from = on.records.length;
  await client.request('tools/call', echo('modern'), ASK);
  await client.request('tools/call', { name: 'modern__connect' }, ASK);
  const records = on.records.slice(from);
  const [unknown, intent, outcome] = records;
  assert.equal(records.length, 3, JSON.stringify(records));
  assert.deepEqual(
    [unknown!.phase, unknown!.decision, unknown!.reason, unknown!.upstream],
    ['event', 'deny', 'connection_required', 'modern'],
  );
  assert.deepEqual([intent!.phase, intent!.target], ['intent', 'connect']);
  assert.deepEqual(
    [outcome!.phase, outcome!.outcome, outcome!.errorCode],
    ['outcome', 'failed', 'connection_required'],
  );
  assert.equal(outcome!.requestId, intent!.requestId);

  await on.connect('ann', 'legacy');
  const session = await legacy('ann');
  await toolNames(session);
  fakes.legacy.faults.push({ kind: 'status', status: 401, headers: { 'www-authenticate': 'Bearer' } });
  const before = on.records.length;
  await session.request('tools/call', echo('legacy'));
  assert.deepEqual(
    on.records.slice(before).map(({ phase, outcome, errorCode }) => [phase, outcome, errorCode]),
    [
      ['intent', undefined, undefined],
      ['outcome', 'failed', 'connection_required'],
    ],
  );
});
