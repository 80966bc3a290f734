import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import {
  bearer,
  contextFor,
  exchange,
  httpUpstream,
  noCredential,
  recordingSink,
  sharedOptions,
  toolCall,
  until,
} from '../../../test/fakes/upstream-call.ts';
import { type FakeSseUpstream, type SseFakeOptions, startSseUpstream } from '../../../test/fakes/upstream-sse.ts';
import { openConnection } from '../open-connection.ts';
import type { CallLimits, UpstreamConnection } from '../upstream-connection.ts';
import type { ConnectionOptions } from './connection-options.ts';

describe('HTTP+SSE of 2024-11-05', () => {
  let fake: FakeSseUpstream;
  let context: ReturnType<typeof contextFor>;
  let connection: UpstreamConnection | undefined;
  const open = async (
    fakeOptions: SseFakeOptions = {},
    options: Partial<ConnectionOptions> = {},
    limits: Partial<CallLimits> = {},
  ) => {
    connection = undefined;
    fake = await startSseUpstream(fakeOptions);
    context = contextFor(httpUpstream(fake.url, { transport: 'sse' }), limits);
    connection = await openConnection(context, sharedOptions(options));
    return connection;
  };
  afterEach(async () => {
    await connection?.close();
    await context.close();
    await fake.close();
  });

  test('a call is posted with the credential to the place that the server named, and answered over its stream', async () => {
    const open_ = await open({}, { credential: bearer('k') });
    const answer = await exchange(open_, toolCall('c', 'echo', { text: 'hi' }, { credential: bearer('k') }));
    assert.deepEqual(
      [answer.type, answer.messages[0].id, answer.messages[0].result.content[0].text],
      ['json', 'c', 'hi'],
    );
    const posted = fake.calls('tools/call')[0]!;
    assert.match(posted.path, /^\/messages\?sessionId=/);
    assert.equal(posted.headers.authorization, 'Bearer k');
    assert.equal(open_.revision, '2024-11-05');
  });

  test("100 callers that all use id 0: every answer is the caller's own", async () => {
    const open_ = await open();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => exchange(open_, toolCall(0, 'late', { text: `secret-${i}` }))),
    );
    assert.deepEqual(
      answers.map(({ messages }) => messages[0].result.content[0].text),
      answers.map((_, i) => `secret-${i}`),
    );
    assert.ok(answers.every(({ messages }) => messages.length === 1 && messages[0].id === 0));
  });

  test('progress turns an answer into a stream, with the token of its own caller', async () => {
    const open_ = await open();
    const call = (i: number) =>
      exchange(open_, toolCall(i, 'progress', { steps: 2, text: `own-${i}` }, {}, { progressToken: 'same' }));
    for (const [i, answer] of (await Promise.all([call(0), call(1), call(2)])).entries()) {
      assert.equal(answer.type, 'sse');
      assert.deepEqual(
        answer.messages.slice(0, 2).map(({ params }) => [params.progressToken, params.message]),
        Array(2).fill(['same', `own-${i}`]),
      );
      assert.equal(answer.messages[2].id, i);
    }
  });

  test('an endpoint of another origin is refused, and gets nothing', async () => {
    for (const endpoint of [
      'https://evil.example/messages',
      '//evil.example/x',
      'http://user:pw@127.0.0.1/x',
      'javascript:alert(1)',
    ]) {
      await assert.rejects(open({ endpoint }), { code: 'upstream_invalid' }, endpoint);
      assert.equal(fake.received.filter(({ method }) => method === 'POST').length, 0);
      await context.close();
      await fake.close();
    }
    await open();
  });

  test('a server that never names its endpoint is given up', async () => {
    fake = await startSseUpstream();
    fake.faults.push({ kind: 'stall', on: () => true });
    context = contextFor(httpUpstream(fake.url, { transport: 'sse' }), { timeoutMs: 100 });
    connection = undefined;
    await assert.rejects(openConnection(context, sharedOptions()), { code: 'upstream_timeout' });
  });

  test('calls fail when the stream ends, and the connection says that it is gone', async () => {
    const open_ = await open();
    const gone = new Promise<string>((resolve) => open_.onClosed((reason) => resolve(reason.code)));
    const waiting = exchange(open_, toolCall(1, 'wait'));
    await until(() => fake.calls('tools/call').length === 1);
    fake.dropStreams();
    assert.equal((await waiting).error?.code, 'upstream_unavailable');
    assert.equal(await gone, 'upstream_unavailable');
    assert.equal((await exchange(open_, toolCall(2, 'echo'))).error?.code, 'upstream_unavailable');
  });

  test('a post that is refused fails its own call only', async () => {
    const open_ = await open();
    const waiting = exchange(open_, toolCall(1, 'wait'));
    await until(() => fake.calls('tools/call').length === 1);
    fake.faults.push({ kind: 'status', status: 500, on: ({ message }) => message?.params?.name === 'echo' });
    assert.equal((await exchange(open_, toolCall(2, 'echo'))).error?.code, 'upstream_unavailable');
    fake.behaviour.release();
    assert.equal((await waiting).messages[0].result.content[0].text, 'released');
  });

  test('garbage, unknown ids and foreign progress on the stream disturb nobody', async () => {
    const open_ = await open();
    const waiting = exchange(open_, toolCall(1, 'wait'));
    await until(() => fake.calls('tools/call').length === 1);
    fake.sendRaw('event: message\ndata: {"jsonrpc":"2.0","id":999,"result":{}}\n\n');
    fake.sendRaw('event: message\ndata: not json\n\nevent: other\ndata: {}\n\n: comment\n\n');
    fake.sendRaw(
      'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":999,"progress":1}}\n\n',
    );
    fake.behaviour.release();
    assert.equal((await waiting).type, 'json');
  });

  test('nobody is asked back on a shared connection; a client is on its own', async () => {
    const shared = await open();
    assert.match((await exchange(shared, toolCall(1, 'ask'))).messages[0].result.content[0].text, /-32601/);
    await shared.close();
    await context.close();
    await fake.close();
    const own = await open({}, { shared: false, revision: '2025-06-18' });
    const { sink, done, text } = recordingSink();
    own.exchange(toolCall(1, 'ask'), sink);
    await until(() => text().includes('sampling/createMessage'));
    const { id } = JSON.parse(/data: (.*)/.exec(text())![1]!);
    await own.send(Buffer.from(`{"jsonrpc":"2.0",\n"id":${id},"result":{"role":"assistant"}}`), noCredential);
    assert.match((await done).messages[1].result.content[0].text, /assistant/);
  });

  test('closing ends the stream at the server', async () => {
    const open_ = await open();
    assert.equal(fake.openStreams, 1);
    await open_.close();
    await until(() => fake.openStreams === 0);
  });
});
