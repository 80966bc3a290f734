import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import {
  contextFor,
  exchange,
  httpUpstream,
  identity,
  noCredential,
  recordingSink,
  sharedOptions,
  toolCall,
  until,
} from '../../../test/fakes/upstream-call.ts';
import {
  type FakeLegacyUpstream,
  type LegacyFakeOptions,
  startLegacyUpstream,
} from '../../../test/fakes/upstream-legacy.ts';
import { openConnection } from '../open-connection.ts';
import type { CallLimits, UpstreamConnection } from '../upstream-connection.ts';
import type { ConnectionOptions } from './connection-options.ts';

describe('HTTP, legacy', () => {
  let fake: FakeLegacyUpstream;
  let context: ReturnType<typeof contextFor>;
  let connection: UpstreamConnection;
  const open = async (
    fakeOptions: LegacyFakeOptions = {},
    options: Partial<ConnectionOptions> = {},
    limits: Partial<CallLimits> = {},
  ) => {
    fake = await startLegacyUpstream(fakeOptions);
    context = contextFor(httpUpstream(fake.url), limits);
    connection = await openConnection(context, sharedOptions(options));
  };
  const own = { shared: false, revision: '2025-11-25' } as const;

  afterEach(async () => {
    await connection.close();
    await context.close();
    await fake.close();
  });

  test('the session id and the negotiated version go with every request, and closing deletes the session', async () => {
    await open({ revision: '2025-06-18' });
    await exchange(connection, toolCall(1, 'echo', { text: 'a' }));
    const { headers } = fake.calls('tools/call')[0]!;
    assert.equal(headers['mcp-protocol-version'], '2025-06-18');
    assert.ok(fake.sessions.has(String(headers['mcp-session-id'])));
    assert.equal(headers['mcp-method'], undefined);
    assert.equal(fake.calls('notifications/initialized').length, 1);
    await connection.close();
    assert.equal(fake.sessions.size, 0);
  });

  test('a server older than the version header does not get it', async () => {
    await open({ revision: '2025-03-26' });
    await exchange(connection, toolCall(1, 'echo'));
    assert.equal(fake.calls('tools/call')[0]!.headers['mcp-protocol-version'], undefined);
  });

  for (const shape of ['json', 'stream'] as const) {
    test(`100 callers that all use id 0 and token 0 on one session: every answer is the caller's own (${shape})`, async () => {
      await open({ alwaysStream: shape === 'stream' });
      const answers = await Promise.all(
        Array.from({ length: 100 }, async (_, i) => ({
          i,
          answer: await exchange(connection, toolCall(0, 'late', { text: `secret-${i}` })),
        })),
      );
      for (const { i, answer } of answers) {
        assert.equal(answer.messages.length, 1);
        assert.equal(answer.messages[0].id, 0);
        assert.equal(answer.messages[0].result.content[0].text, `secret-${i}`);
      }
      const wireIds = fake.calls('tools/call').map(({ message }) => message.id);
      assert.equal(new Set(wireIds).size, 100);
    });
  }

  test('progress comes back with the token of the caller who asked, and the id as it was written', async () => {
    await open();
    const call = async (i: number) => {
      const outbound = toolCall(`id "${i}"`, 'progress', { steps: 3, text: `own-${i}` }, {}, { progressToken: 'same' });
      const { messages } = await exchange(connection, outbound);
      assert.deepEqual(
        messages.slice(0, 3).map(({ params }) => [params.progressToken, params.message]),
        Array(3).fill(['same', `own-${i}`]),
      );
      assert.equal(messages[3].id, `id "${i}"`);
    };
    await Promise.all(Array.from({ length: 30 }, (_, i) => call(i)));
  });

  test('a session that the server forgot is opened again once for all callers, and their calls are done', async () => {
    for (const unknownSession of [404, 400] as const) {
      await open({ unknownSession });
      fake.forgetSessions();
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => exchange(connection, toolCall(i, 'echo', { text: `t${i}` }))),
      );
      assert.deepEqual(
        answers.map(({ messages }) => messages[0].result.content[0].text),
        answers.map((_, i) => `t${i}`),
      );
      assert.equal(fake.calls('initialize').length, 2);
      await connection.close();
      await context.close();
      await fake.close();
    }
    await open();
  });

  test("a client's own session that the server forgot ends: the client must start again", async () => {
    await open({}, own);
    const closed = Promise.withResolvers<string>();
    connection.onClosed((reason) => closed.resolve(reason.code));
    fake.forgetSessions();
    const { error } = await exchange(connection, toolCall(1, 'echo'));
    assert.equal(error?.code, 'session_not_found');
    assert.equal(await closed.promise, 'session_not_found');
    assert.equal(fake.calls('initialize').length, 1);
  });

  test('cancelling tells the server with the id that it knows; the sink hears nothing more', async () => {
    for (const options of [{}, own]) {
      await open({}, options);
      const { sink, state } = recordingSink();
      const running = connection.exchange(toolCall(5, 'wait'), sink);
      await until(() => fake.calls('tools/call').length === 1);
      running.cancel('no longer needed');
      await until(() => fake.calls('notifications/cancelled').length === 1);
      const { params } = fake.calls('notifications/cancelled')[0]!.message;
      assert.equal(params.requestId, fake.calls('tools/call')[0]!.message.id);
      assert.equal(params.reason, 'no longer needed');
      assert.equal(state.over, false);
      await connection.close();
      await context.close();
      await fake.close();
    }
    await open();
  });

  test('a call that times out is cancelled at the server', async () => {
    await open({}, {}, { timeoutMs: 150 });
    const { error } = await exchange(connection, toolCall(1, 'wait'));
    assert.equal(error?.code, 'upstream_timeout');
    await until(() => fake.calls('notifications/cancelled').length === 1);
  });

  test('on a shared session nobody is asked back: the server gets -32601 at once, the caller its answer', async () => {
    await open();
    const answer = await exchange(connection, toolCall(1, 'ask'));
    assert.equal(answer.messages.length, 1);
    assert.match(answer.messages[0].result.content[0].text, /-32601/);
    const ping = await exchange(connection, toolCall(1, 'ask', { method: 'ping' }));
    assert.equal(ping.messages[0].result.content[0].text, '{}');
  });

  test("on a client's own session the server's question reaches the client untouched, and the answer the server", async () => {
    await open({}, { ...own, identity: { ...identity, clientCapabilities: { sampling: {} } } });
    assert.deepEqual(fake.calls('initialize')[0]!.message.params.capabilities, { sampling: {} });
    const { sink, done, text } = recordingSink();
    connection.exchange(toolCall(1, 'ask'), sink);
    await until(() => text().includes('sampling/createMessage'));
    const question = JSON.parse(/data: (.*)/.exec(text())![1]!);
    await connection.send(
      Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: question.id, result: { role: 'assistant' } })),
      noCredential,
    );
    assert.match((await done).messages[1].result.content[0].text, /assistant/);
  });

  test('the standing stream brings what belongs to no request', async () => {
    await open({}, own);
    const { sink, state, text } = recordingSink();
    const stream = connection.listen(sink, noCredential)!;
    await state.opened.promise;
    fake.announce('notifications/resources/updated', { uri: 'test://one' });
    await until(() => text().includes('test://one'));
    stream.abort();
  });

  test('a server without a standing stream says so once', async () => {
    await open({ noStream: true }, own);
    const { sink, done } = recordingSink();
    connection.listen(sink, noCredential);
    assert.equal((await done).error?.code, 'method_not_allowed');
  });

  test('an answer that the server broke off to be polled is fetched to its end', async () => {
    await open({ polling: true });
    const answer = await exchange(connection, toolCall('x', 'echo', { text: 'later' }));
    assert.deepEqual([answer.messages[0].id, answer.messages[0].result.content[0].text], ['x', 'later']);
    assert.doesNotMatch(answer.body, /^id:/m, 'event ids of the shared session are nothing to the caller');
  });

  test('list changes that come on the answer to a caller go to the gateway, not to the caller', async () => {
    const heard: string[] = [];
    await open({}, { onServerMessage: (message) => heard.push('method' in message ? message.method : '') });
    fake.behaviour.tools.push({
      definition: { name: 'change', inputSchema: { type: 'object' } },
      call(_args, peer) {
        peer.notify('notifications/tools/list_changed');
        return {};
      },
    });
    const answer = await exchange(connection, toolCall(1, 'change'));
    assert.deepEqual(
      answer.messages.map(({ id }) => id),
      [1],
    );
    assert.deepEqual(heard, ['notifications/tools/list_changed']);
  });

  test('a server without session ids is served, too', async () => {
    await open({ stateless: true });
    const answer = await exchange(connection, toolCall(1, 'echo', { text: 'stateless' }));
    assert.equal(answer.messages[0].result.content[0].text, 'stateless');
    assert.equal(fake.calls('tools/call')[0]!.headers['mcp-session-id'], undefined);
  });
});
