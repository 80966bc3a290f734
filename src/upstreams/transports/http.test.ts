import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, test } from 'node:test';
import {
  bearer,
  contextFor,
  exchange,
  httpUpstream,
  recordingSink,
  request,
  sharedOptions,
  toolCall,
  until,
} from '../../../test/fakes/upstream-call.ts';
import type { FakeHttpUpstream } from '../../../test/fakes/upstream-http.ts';
import { startModernUpstream } from '../../../test/fakes/upstream-modern.ts';
import { openConnection } from '../open-connection.ts';
import type { CallLimits, UpstreamConnection } from '../upstream-connection.ts';

describe('HTTP, modern', () => {
  let fake: FakeHttpUpstream;
  let context: ReturnType<typeof contextFor>;
  let connection: UpstreamConnection;
  const open = async (limits: Partial<CallLimits> = {}): Promise<void> => {
    await context?.close();
    context = contextFor(httpUpstream(fake.url), limits);
    connection = await openConnection(context, sharedOptions());
  };
  const call = (name: string, args: object = {}, id: string | number = 1) =>
    exchange(connection, toolCall(id, name, args, { modern: true }));

  beforeEach(async () => {
    fake = await startModernUpstream();
    await open();
  });
  afterEach(async () => {
    await connection.close();
    await context.close();
    await fake.close();
  });

  test('the body arrives byte for byte as it was given, and the answer leaves as it came', async () => {
    const outbound = toolCall('a-1', 'echo', { text: 'hi', big: 1 }, { modern: true });
    const body = Buffer.from(outbound.body.toString().replace('"big":1', '"big" : 12345678901234567890.10'));
    const { sink, done } = recordingSink();
    connection.exchange({ ...outbound, body }, sink);
    const answer = await done;
    assert.equal(fake.calls('tools/call')[0]!.body, body.toString());
    assert.deepEqual([answer.status, answer.type], [200, 'json']);
    assert.equal(answer.messages[0].id, 'a-1');
  });

  test('the headers repeat the body, and names that are not safe in a header are sent as Base64', async () => {
    await call('echo');
    const { headers } = fake.calls('tools/call')[0]!;
    assert.equal(headers['mcp-method'], 'tools/call');
    assert.equal(headers['mcp-name'], 'echo');
    assert.equal(headers['mcp-protocol-version'], '2026-07-28');
    assert.equal(headers.accept, 'application/json, text/event-stream');
    assert.equal(headers['accept-encoding'], 'identity');
    assert.equal(headers['mcp-session-id'], undefined);
    await call('wörter');
    assert.equal(fake.calls('tools/call')[1]!.headers['mcp-name'], '=?base64?d8O2cnRlcg==?=');
  });

  test('the credential of the call goes out, with the extra headers of the call', async () => {
    const headers = ['x-trace', 'abc', 'Mcp-Param-Region', 'eu'];
    await exchange(connection, toolCall(1, 'echo', {}, { modern: true, credential: bearer('one'), headers }));
    await exchange(connection, toolCall(1, 'echo', {}, { modern: true, credential: bearer('two') }));
    const [first, second] = fake.calls('tools/call');
    assert.equal(first!.headers.authorization, 'Bearer one');
    assert.equal(first!.headers['x-trace'], 'abc');
    assert.equal(first!.headers['mcp-param-region'], 'eu');
    assert.equal(second!.headers.authorization, 'Bearer two');
    assert.equal(second!.headers['x-trace'], undefined);
  });

  test('connections are kept alive, and never shared between credentials', async () => {
    const times = async (count: number, token: string): Promise<number> => {
      const before = fake.connections;
      for (let i = 0; i < count; i++) {
        await exchange(connection, toolCall(1, 'echo', {}, { modern: true, credential: bearer(token) }));
      }
      return fake.connections - before;
    };
    // The next call may come before the pool has taken the last connection back.
    const opened = await times(10, 'one');
    assert.ok(opened >= 1 && opened <= 2);
    assert.ok((await times(1, 'two')) >= 1);
    assert.equal(await times(5, 'one'), 0);
  });

  test('an event stream passes as it comes: progress, then the response', async () => {
    const outbound = toolCall(7, 'progress', { steps: 3, text: 'end' }, { modern: true }, { progressToken: 'tok' });
    const answer = await exchange(connection, outbound);
    assert.equal(answer.type, 'sse');
    assert.deepEqual(
      answer.messages.map((m) => m.params?.progress ?? m.result.content[0].text),
      [1, 2, 3, 'end'],
    );
  });

  test('reading stops while the consumer is full, and goes on where it stopped', async () => {
    await open({ maxResponseBytes: 64 * 1024 * 1024 });
    fake.faults.push({ kind: 'huge', bytes: 8 * 1024 * 1024 });
    const { sink, state, done } = recordingSink({ full: () => true });
    const running = connection.exchange(toolCall(1, 'echo', {}, { modern: true }), sink);
    await until(() => state.bytes > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const held = state.bytes;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(state.bytes, held, 'nothing more was read');
    assert.ok(held < 1024 * 1024);
    while (!state.over) {
      running.resume();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok((await done).body.length > 8 * 1024 * 1024);
  });

  test('closing the stream is the cancellation', async () => {
    const { sink, state } = recordingSink();
    const running = connection.exchange(toolCall(1, 'wait', {}, { modern: true }), sink);
    await until(() => fake.calls('tools/call').length === 1);
    running.cancel('changed my mind');
    await until(() => context.endpoint!.active === 0);
    assert.equal(state.over, false, 'the sink hears nothing after cancel');
    assert.equal(fake.calls('notifications/cancelled').length, 0);
  });

  test('an error of the upstream with an HTTP status is its answer, with the id of the request if it had none', async () => {
    const unknown = await exchange(connection, request({ id: 'x', method: 'no/such' }, { modern: true }));
    assert.deepEqual([unknown.status, unknown.messages[0].id, unknown.messages[0].error.code], [404, 'x', -32601]);
    const body = '{"jsonrpc":"2.0","id":null,"error":{"code":-32602,"message":"bad"}}';
    fake.faults.push({ kind: 'status', status: 400, headers: { 'content-type': 'application/json' }, body });
    const nameless = await call('echo', {}, 'y');
    assert.deepEqual([nameless.status, nameless.messages[0].id], [400, 'y']);
  });

  test('what is not MCP never reaches the caller', async () => {
    const html = { 'content-type': 'text/html' };
    const rows: [number, Record<string, string>, string, string][] = [
      [200, html, '<html>', 'upstream_invalid'],
      [202, {}, '', 'upstream_invalid'],
      [302, { location: 'http://169.254.169.254/' }, '', 'upstream_invalid'],
      [404, html, 'nginx', 'upstream_invalid'],
      [429, {}, '', 'upstream_busy'],
      [
        500,
        { 'content-type': 'application/json' },
        '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"stack trace"}}',
        'upstream_unavailable',
      ],
      [503, {}, '', 'upstream_unavailable'],
    ];
    for (const [status, headers, body, code] of rows) {
      fake.faults.push({ kind: 'status', status, headers, body });
      const answer = await call('echo');
      assert.equal(answer.error?.code, code, `HTTP ${status}`);
      assert.equal(answer.type, undefined);
    }
    assert.equal(fake.calls('tools/call').length, rows.length, 'no redirect was followed and nothing was repeated');
  });

  test('a refused credential is an error of the gateway, without the challenge of the upstream', async () => {
    for (const status of [401, 403]) {
      const headers = {
        'www-authenticate': 'Bearer resource_metadata="https://evil.example"',
        'content-type': 'application/json',
      };
      fake.faults.push({
        kind: 'status',
        status,
        headers,
        body: '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"evil.example"}}',
      });
      const { error } = await call('echo');
      assert.equal(error?.code, 'upstream_credential_rejected');
      assert.doesNotMatch(JSON.stringify([error?.message, error?.data]), /evil/);
    }
  });

  test('an encoded body is refused unread (decompression bomb)', async () => {
    fake.faults.push({ kind: 'gzip' });
    const { error, body } = await call('echo');
    assert.equal(error?.code, 'upstream_invalid');
    assert.equal(body, '');
  });

  test('an answer over the size limit is cut', async () => {
    fake.faults.push({ kind: 'huge', bytes: 64 * 1024 * 1024 });
    const { error, body } = await call('echo');
    assert.equal(error?.code, 'upstream_invalid');
    assert.ok(body.length <= 1024 * 1024);
  });

  test('a call that breaks off is never repeated: the upstream may have done it', async () => {
    for (const midway of [false, true]) {
      fake.faults.push({ kind: 'reset', midway });
      const { error } = await call('delete');
      assert.equal(error?.code, 'upstream_unavailable');
    }
    assert.equal(fake.calls('tools/call').length, 2);
  });

  test('a list that breaks off before an answer is asked for once more', async () => {
    fake.faults.push({ kind: 'reset', on: ({ message }) => message?.method === 'tools/list' });
    const answer = await exchange(connection, request({ id: 1, method: 'tools/list' }, { modern: true }));
    assert.equal(answer.error, undefined);
    assert.equal(fake.calls('tools/list').length, 2);
  });

  test('an upstream that is not there fails at once', async () => {
    await fake.stop();
    const { error } = await call('echo');
    assert.equal(error?.code, 'upstream_unavailable');
    await fake.restart();
    assert.equal((await call('echo')).error, undefined);
  });

  test('silence ends a call, before an answer and within one; signs of life do not', async () => {
    await open({ timeoutMs: 200 });
    for (const kind of ['hang', 'stall'] as const) {
      fake.faults.push({ kind });
      assert.equal((await call('echo')).error?.code, 'upstream_timeout', kind);
    }
    const lively = toolCall(1, 'progress', { steps: 200 }, { modern: true }, { progressToken: 1 });
    assert.equal((await exchange(connection, lively)).messages.length, 201);
  });

  test('a connection that cannot be opened ends as silence', async () => {
    // A stopped process whose backlog is full: the kernel neither accepts nor refuses what comes then.
    const script = "require('net').createServer().listen(0,'127.0.0.1',1,function(){console.log(this.address().port)})";
    const deaf = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = Number(String((await once(deaf.stdout, 'data'))[0]));
    deaf.kill('SIGSTOP');
    const fillers = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    await Promise.all(fillers.slice(0, 2).map((socket) => once(socket, 'connect')));
    const other = contextFor(httpUpstream(`http://127.0.0.1:${port}/`), { timeoutMs: 200 });
    const { sink, done } = recordingSink();
    const call = { ...toolCall(1, 'echo'), repeatable: false, listen: false };
    other.endpoint!.post(call, sink);
    assert.equal((await done).error?.code, 'upstream_timeout');
    for (const socket of fillers) socket.destroy();
    await other.close();
    deaf.kill('SIGKILL');
  });

  test('no call lasts longer than the absolute limit, however lively it is', async () => {
    await open({ maxDurationMs: 300 });
    const lively = toolCall(1, 'progress', { steps: 10_000 }, { modern: true }, { progressToken: 1 });
    assert.equal((await exchange(connection, lively)).error?.code, 'upstream_timeout');
  });

  test('a caller that leaves while the connection is being opened sends nothing', async () => {
    const { sink } = recordingSink();
    const running = connection.exchange(toolCall(1, 'delete', {}, { modern: true, credential: bearer('fresh') }), sink);
    running.abort();
    await call('echo');
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(
      fake.calls('tools/call').map(({ message }) => message.params.name),
      ['echo'],
    );
  });

  test('the sink is never called before exchange() has returned', async () => {
    let returned = false;
    const bad = toolCall(1, 'echo', {}, { modern: true, headers: ['x-bad', 'a\nb'] });
    const failed = Promise.withResolvers<string>();
    const { sink } = recordingSink();
    connection.exchange(bad, {
      ...sink,
      fail(error) {
        assert.equal(returned, true);
        failed.resolve(error.code);
      },
    });
    returned = true;
    assert.equal(await failed.promise, 'bad_request');
  });

  test('subscriptions/listen stays open through silence and takes no place in the bulkhead', async () => {
    await context.close();
    context = contextFor(httpUpstream(fake.url, { maxConcurrent: 1 }), { timeoutMs: 150 });
    connection = await openConnection(context, sharedOptions());
    const { sink, state, text } = recordingSink();
    const listen = request(
      { id: 9, method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } },
      { modern: true },
    );
    const running = connection.exchange(listen, sink);
    await state.opened.promise;
    await new Promise((resolve) => setTimeout(resolve, 400));
    fake.announce('notifications/tools/list_changed');
    await until(() => text().includes('list_changed'));
    assert.equal((await call('echo')).error, undefined);
    running.abort();
  });

  test('a full bulkhead refuses at once, without a queue', async () => {
    await context.close();
    context = contextFor(httpUpstream(fake.url, { maxConcurrent: 2 }));
    connection = await openConnection(context, sharedOptions());
    const running = [1, 2].map((id) => exchange(connection, toolCall(id, 'wait', {}, { modern: true })));
    await until(() => fake.calls('tools/call').length === 2);
    assert.equal((await call('echo')).error?.code, 'upstream_busy');
    fake.behaviour.release();
    await Promise.all(running);
    assert.equal((await call('echo')).error, undefined);
  });
});
