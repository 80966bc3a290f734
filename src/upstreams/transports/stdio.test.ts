import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import pino from 'pino';
import {
  contextFor,
  exchange,
  noCredential,
  recordingSink,
  request,
  sharedOptions,
  stdioUpstream,
  toolCall,
  until,
} from '../../../test/fakes/upstream-call.ts';
import type { StdioUpstream } from '../../model/upstream.ts';
import { openConnection } from '../open-connection.ts';
import type { CallLimits, UpstreamConnection } from '../upstream-connection.ts';
import type { UpstreamContext } from '../upstream-context.ts';
import type { ConnectionOptions } from './connection-options.ts';

describe('stdio', () => {
  let folder: string;
  let record: string;
  let connection: UpstreamConnection | undefined;
  let logged: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'toolgate-stdio-'));
    record = join(folder, 'record');
    connection = undefined;
    logged = '';
  });
  afterEach(async () => {
    await connection?.close();
    await rm(folder, { recursive: true });
  });

  const open = async (
    args: string[] = [],
    settings: {
      upstream?: Partial<StdioUpstream>;
      options?: Partial<ConnectionOptions>;
      limits?: Partial<CallLimits>;
      context?: Partial<UpstreamContext>;
    } = {},
  ): Promise<UpstreamConnection> => {
    const write = (line: string): void => {
      logged += line;
    };
    const log = pino({ level: 'trace' }, { write });
    const context = {
      ...contextFor(stdioUpstream([`--record=${record}`, ...args], settings.upstream), settings.limits),
      log,
      ...settings.context,
    };
    connection = await openConnection(context, sharedOptions(settings.options));
    return connection;
  };
  const lines = async () => (await readFile(record, 'utf8')).trim().split('\n');
  const started = async () =>
    JSON.parse((await lines())[0]!) as { env: Record<string, string>; pid: number; cwd: string };
  const isAlive = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };

  test('the program sees PATH and what is configured, and nothing else of the environment', async () => {
    process.env.TOOLGATE_TEST_CANARY = 'canary';
    const references = {
      env: (name: string) => (name === 'TOKEN' ? 's3cret' : undefined),
      vault: async (name: string) => (name === 'db' ? 'vaulted' : undefined),
    };
    await open([], {
      upstream: { env: { A: 'x-${env:TOKEN}-y', B: '${vault:db}' }, cwd: folder },
      context: { references },
    });
    delete process.env.TOOLGATE_TEST_CANARY;
    const { env, cwd } = await started();
    assert.deepEqual({ ...env }, { PATH: process.env.PATH, A: 'x-s3cret-y', B: 'vaulted' });
    assert.equal(cwd, folder);
  });

  test('a reference without a value stops the start, and the error names it', async () => {
    await assert.rejects(open([], { upstream: { env: { A: '${env:NO_SUCH}' } } }), {
      code: 'upstream_unavailable',
      message: /NO_SUCH.*A.*environment of the gateway/,
    });
  });

  test('arguments are given as they are: there is no shell', async () => {
    const target = join(folder, 'touched');
    const words = `$(touch ${target}); touch ${target} | \`touch ${target}\``;
    await open([`--stderr=${words}`]);
    await until(() => logged.includes('touch'));
    await assert.rejects(readFile(target), { code: 'ENOENT' });
  });

  test('a program that is not there is a clear error', async () => {
    await assert.rejects(open([], { upstream: { command: ['/no/such/program'] } }), {
      code: 'upstream_unavailable',
      message: /could not be started \(ENOENT\)/,
    });
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
    assert.ok(answers.every(({ messages, type }) => type === 'json' && messages.length === 1 && messages[0].id === 0));
  });

  test('a message is one line, and otherwise the bytes that were given', async () => {
    const open_ = await open();
    const pretty = JSON.stringify(JSON.parse(toolCall(1, 'echo', { text: 'a' }).body.toString()), null, 2).replace(
      '"a"',
      '"a",\r\n "n": 1.50e2',
    );
    const outbound = request({ id: 1, method: 'tools/call', params: { name: 'echo' } });
    const body = Buffer.from(pretty);
    const { spans } = await import('../../mcp/scan-message.ts').then(({ scanMessage }) =>
      scanMessage(body, { depth: 64 }),
    );
    const answer = await exchange(open_, { ...outbound, body, spans });
    assert.equal(answer.error, undefined);
    assert.match((await lines()).at(-1)!, /"n": 1\.50e2/);
  });

  test('progress reaches its own caller; a call without a token gets none', async () => {
    const open_ = await open();
    const call = (i: number) =>
      exchange(open_, toolCall(0, 'progress', { steps: 2, text: `own-${i}` }, {}, { progressToken: 7 }));
    for (const [i, { messages }] of (await Promise.all([call(0), call(1)])).entries()) {
      assert.deepEqual(
        messages.slice(0, 2).map(({ params }) => [params.progressToken, params.message]),
        Array(2).fill([7, `own-${i}`]),
      );
    }
    assert.equal((await exchange(open_, toolCall(0, 'progress'))).type, 'json');
  });

  test('cancelling names the id that the program knows', async () => {
    const open_ = await open();
    const { sink, state } = recordingSink();
    const running = open_.exchange(toolCall('mine', 'wait'), sink);
    running.cancel('enough');
    await exchange(open_, toolCall(2, 'echo'));
    const cancelled = (await lines())
      .map((line) => JSON.parse(line))
      .find(({ method }) => method === 'notifications/cancelled');
    const called = (await lines()).map((line) => JSON.parse(line)).find(({ params }) => params?.name === 'wait');
    assert.deepEqual(cancelled.params, { requestId: called.id, reason: 'enough' });
    assert.equal(state.over, false);
  });

  test('silence ends a call', async () => {
    const open_ = await open([], { limits: { timeoutMs: 1000 } });
    const { error } = await exchange(open_, toolCall(1, 'wait', {}, { timeoutMs: 100 }));
    assert.equal(error?.code, 'upstream_timeout');
  });

  test('calls under way fail when the program ends, and the connection says so', async () => {
    const open_ = await open();
    const gone = new Promise<string>((resolve) => open_.onClosed(({ message }) => resolve(message)));
    const waiting = exchange(open_, toolCall(1, 'wait'));
    const crashed = await exchange(open_, toolCall(2, 'crash'));
    assert.match(crashed.error!.message, /exited with code 3/);
    assert.equal((await waiting).error?.code, 'upstream_unavailable');
    assert.match(await gone, /exited with code 3/);
  });

  test('lines that are no messages are dropped', async () => {
    const open_ = await open(['--noise']);
    assert.equal((await exchange(open_, toolCall(1, 'echo', { text: 'ok' }))).messages[0].result.content[0].text, 'ok');
  });

  test('an answer that is no valid message ends its own call at once, and no other', async () => {
    const open_ = await open([], { limits: { timeoutMs: 30_000 } });
    const waiting = exchange(open_, toolCall(1, 'late', { text: 'fine' }));
    for (const line of [
      '{"jsonrpc":"2.0","id":ID,"result":{},"error":{"code":1,"message":"both"}}',
      '{"jsonrpc":"2.0","id":ID}',
      '{"jsonrpc":"1.0","result":{},"id":ID}',
      '{"jsonrpc":"2.0","id":ID,"result":{"id":7,"id":7},"x":}',
      '{"jsonrpc":"2.0","result":{"a":1,},"id":ID}',
    ]) {
      const { error } = await exchange(open_, toolCall(2, 'raw', { line }));
      assert.equal(error?.code, 'upstream_invalid', line);
    }
    assert.equal((await waiting).messages[0].result.content[0].text, 'fine');
    const { error } = await exchange(open_, toolCall(3, 'raw', { line: 'no id' }, { timeoutMs: 100 }));
    assert.equal(error?.code, 'upstream_timeout', 'whose answer it was to be cannot be told');
  });

  test('an answer over the line limit fails its own call, and no other', async () => {
    const open_ = await open();
    const waiting = exchange(open_, toolCall(1, 'late', { text: 'fine' }));
    const { error } = await exchange(open_, toolCall(2, 'big', { bytes: 9 * 1024 * 1024 }));
    assert.equal(error?.code, 'upstream_invalid');
    assert.equal((await waiting).messages[0].result.content[0].text, 'fine');
    assert.equal((await exchange(open_, toolCall(3, 'big', { bytes: 4 * 1024 * 1024 }))).error, undefined);
  });

  test('standard error goes to the log, without secrets in any usual spelling', async () => {
    const references = { env: () => 'top/secret+value', vault: async () => undefined };
    await open(['--stderr=plain $TOKEN coded top%2Fsecret%2Bvalue base dG9wL3NlY3JldCt2YWx1ZQ== Bearer abcdefghijkl'], {
      upstream: { env: { TOKEN: '${env:T}' } },
      context: { references },
    });
    await until(() => logged.includes('plain'));
    assert.match(logged, /plain \[redacted\] coded \[redacted\] base \[redacted\]=* \[redacted\]/);
    assert.doesNotMatch(logged, /top\/secret|abcdefghijkl/);
  });

  test("nobody is asked back on a shared program; on a client's own the question comes with its answer", async () => {
    const shared = await open();
    assert.match((await exchange(shared, toolCall(1, 'ask'))).messages[0].result.content[0].text, /-32601/);
    await shared.close();
    const own = await open([], { options: { shared: false, revision: '2025-11-25' } });
    const { sink, done, text } = recordingSink();
    own.exchange(toolCall(1, 'ask'), sink);
    await until(() => text().includes('sampling/createMessage'));
    const { id } = JSON.parse(/data: (.*)/.exec(text())![1]!);
    await own.send(Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result: { role: 'assistant' } })), noCredential);
    assert.match((await done).messages[1].result.content[0].text, /assistant/);
  });

  test('what belongs to no request comes over the standing stream, kept until somebody listens', async () => {
    const open_ = await open();
    await exchange(
      open_,
      toolCall(1, 'announce', { method: 'notifications/resources/updated', params: { uri: 'test://one' } }),
    );
    const { sink, text, done } = recordingSink();
    open_.listen(sink, noCredential);
    await until(() => text().includes('test://one'));
    const second = recordingSink();
    open_.listen(second.sink, noCredential);
    assert.equal((await done).error, undefined, 'a new listener takes over');
  });

  test('a subscription of 2026-07-28 comes with the id of its own caller, and has no timeout', async () => {
    const open_ = await open(['--modern'], { limits: { timeoutMs: 300 } });
    const { sink, text, state } = recordingSink();
    open_.exchange(
      request(
        { id: 'sub', method: 'subscriptions/listen', params: { notifications: { toolsListChanged: true } } },
        { modern: true },
      ),
      sink,
    );
    await until(() => text().includes('list_changed'));
    const messages = [...text().matchAll(/data: (.*)/g)].map(([, data]) => JSON.parse(data!));
    assert.deepEqual(
      messages.map(({ params }) => params._meta['io.modelcontextprotocol/subscriptionId']),
      ['sub', 'sub'],
    );
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal(state.over, false);
  });

  test('an unknown method has the same status as over HTTP', async () => {
    const open_ = await open(['--modern']);
    const answer = await exchange(open_, request({ id: 1, method: 'no/such' }, { modern: true }));
    assert.deepEqual([answer.status, answer.messages[0].error.code], [404, -32601]);
  });

  test('closing ends the program and all that it started, even if it does not want to', async () => {
    const open_ = await open(['--ignore-sigterm', '--child']);
    const { pid } = await started();
    const { childPid } = JSON.parse((await lines())[1]!);
    assert.ok(isAlive(pid) && isAlive(childPid));
    await open_.close();
    await until(() => !isAlive(pid) && !isAlive(childPid));
    assert.ok((await lines()).includes('SIGTERM'));
  });

  test('a program that ends leaves nothing behind', async () => {
    const open_ = await open(['--child']);
    const { childPid } = JSON.parse((await lines())[1]!);
    await exchange(open_, toolCall(1, 'crash'));
    await until(() => !isAlive(childPid));
  });

  test('a program that answers nothing is given up and ended', async () => {
    await assert.rejects(open(['--no-handshake'], { limits: { timeoutMs: 300 } }), { code: 'upstream_timeout' });
    const { pid } = await started();
    await until(() => !isAlive(pid));
  });
});
