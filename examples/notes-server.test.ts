import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, test } from 'node:test';

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
type Json = any;

let server: ChildProcessWithoutNullStreams;
let received: Json[];
let waiting: (() => void)[];

beforeEach(() => {
  received = [];
  waiting = [];
  const env = { PATH: process.env.PATH, NOTES_TOKEN: 'secret-token-value' };
  server = spawn(process.execPath, [resolve(import.meta.dirname, 'notes-server.ts')], { env });
  server.stderr.resume();
  createInterface({ input: server.stdout }).on('line', (line) => {
    received.push(JSON.parse(line));
    for (const wake of waiting.splice(0)) wake();
  });
});

afterEach(async () => {
  const exited = server.exitCode === null ? new Promise((done) => server.once('exit', done)) : null;
  server.stdin.end();
  await exited;
});

const send = (message: unknown) => server.stdin.write(`${JSON.stringify(message)}\n`);

async function first(matches: (message: Json) => boolean): Promise<Json> {
  for (;;) {
    const found = received.find(matches);
    if (found !== undefined) return found;
    await new Promise<void>((wake) => waiting.push(wake));
  }
}

let lastId = 0;
async function request(method: string, params?: Json): Promise<Json> {
  const id = ++lastId;
  send({ jsonrpc: '2.0', id, method, params });
  return first((message) => message.id === id);
}

const MODERN = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};
const modern = (method: string, params: Json = {}) =>
  request(method, { ...params, _meta: { ...MODERN, ...params._meta } });
const call = async (name: string, args: Json = {}) => (await request('tools/call', { name, arguments: args })).result;

test('a legacy client gets the version that it asks for, or the newest legacy one', async () => {
  for (const version of ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']) {
    assert.equal((await request('initialize', { protocolVersion: version })).result.protocolVersion, version);
  }
  const { result } = await request('initialize', { protocolVersion: '1999-01-01', capabilities: {} });
  assert.equal(result.protocolVersion, '2025-11-25');
  assert.equal(result.serverInfo.name, 'notes');
  assert.deepEqual((await request('ping')).result, {});
});

test('a modern client discovers the server; results say that they are complete and how long they last', async () => {
  const { result } = await modern('server/discover');
  assert.deepEqual(result.supportedVersions, ['2026-07-28']);
  assert.equal(result.resultType, 'complete');
  assert.equal(result._meta['io.modelcontextprotocol/serverInfo'].name, 'notes');
  for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']) {
    const { ttlMs, cacheScope, resultType } = (await modern(method)).result;
    assert.deepEqual([ttlMs, cacheScope, resultType], [60_000, 'public', 'complete'], method);
  }
  assert.equal((await modern('resources/read', { uri: 'notes://all' })).result.ttlMs, 0);
  assert.equal((await modern('tools/call', { name: 'list_notes' })).result.ttlMs, undefined);
});

test('each era has its own methods and errors', async () => {
  assert.equal((await modern('initialize')).error.code, -32601);
  assert.equal((await modern('ping')).error.code, -32601);
  assert.equal((await request('subscriptions/listen')).error.code, -32601);
  assert.equal((await request('server/discover', {})).error.code, -32602);
  assert.equal((await request('toString')).error.code, -32601);
  const { error } = await modern('tools/list', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' } });
  assert.deepEqual([error.code, error.data], [-32022, { supported: ['2026-07-28'], requested: '2099-01-01' }]);
});

test('what is no request is refused, and the server goes on', async () => {
  server.stdin.write('{\n[1]\nnull\n"x"\n{"jsonrpc":"2.0","id":null,"method":"ping"}\n');
  await request('ping');
  assert.deepEqual(
    received.slice(0, 5).map(({ error }) => error.code),
    [-32700, -32600, -32600, -32600, -32600],
  );
});

test('the annotations of the tools say what they do', async () => {
  const { tools } = (await request('tools/list')).result;
  const flags = Object.fromEntries(
    tools.map(({ name, annotations }: Json) => [name, [annotations.readOnlyHint, annotations.destructiveHint]]),
  );
  assert.deepEqual(flags, {
    list_notes: [true, undefined],
    read_note: [true, undefined],
    add_note: [false, false],
    delete_note: [false, true],
    whoami_upstream: [true, undefined],
    count_slowly: [true, undefined],
  });
  for (const { inputSchema, run } of tools) assert.deepEqual([inputSchema.type, run], ['object', undefined]);
});

test('notes are added, read, listed and deleted', async () => {
  assert.equal((await call('add_note', { title: 'a/b c', text: 'x' })).content[0].text, 'Added "a/b c".');
  assert.equal((await call('add_note', { title: 'a/b c', text: 'y' })).isError, true);
  assert.equal((await call('read_note', { title: 'a/b c' })).content[0].text, 'x');
  assert.match((await call('list_notes')).content[0].text, /^a\/b c$/m);
  const { result } = await request('resources/read', { uri: 'notes://note/a%2Fb%20c' });
  assert.equal(result.contents[0].text, 'x');
  await call('delete_note', { title: 'a/b c' });
  assert.equal((await call('read_note', { title: 'a/b c' })).isError, true);
  assert.equal((await request('resources/read', { uri: 'notes://note/a%2Fb%20c' })).error.code, -32602);
});

test('wrong arguments come back as a result that a model can read', async () => {
  for (const args of [{}, { title: 1 }, { title: '' }, { title: 'x'.repeat(81) }, null]) {
    const result = await call('read_note', args);
    assert.equal(result.isError, true);
  }
  assert.equal((await call('count_slowly', { to: 1e9 })).isError, true);
  assert.equal((await request('tools/call', { name: 'nope' })).error.code, -32602);
  assert.equal((await request('tools/call', {})).error.code, -32602);
});

test('the prompt holds the notes, and the credential is shown masked only', async () => {
  const { result } = await request('prompts/get', { name: 'summarize_notes', arguments: { tone: 'cheerful' } });
  assert.match(result.messages[0].content.text, /cheerful[\s\S]*# welcome/);
  const text = (await call('whoami_upstream')).content[0].text;
  assert.match(text, /secr… \(18 characters\)/);
  assert.doesNotMatch(text, /secret-token-value/);
});

test('progress is reported when asked for, with growing values', async () => {
  const { result } = await request('tools/call', {
    name: 'count_slowly',
    arguments: { to: 3 },
    _meta: { progressToken: 'p' },
  });
  assert.equal(result.content[0].text, 'Counted to 3.');
  const progress = received.filter(({ method }) => method === 'notifications/progress');
  assert.deepEqual(
    progress.map(({ params }) => params),
    [1, 2, 3].map((done) => ({ progressToken: 'p', progress: done, total: 3 })),
  );
});

test('a cancelled call gets no answer', async () => {
  send({
    jsonrpc: '2.0',
    id: 'slow',
    method: 'tools/call',
    params: { name: 'count_slowly', arguments: { to: 100 }, _meta: { progressToken: 1 } },
  });
  await first(({ method }) => method === 'notifications/progress');
  send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'slow' } });
  await request('ping');
  assert.ok(!received.some(({ id }) => id === 'slow'));
});

test('a subscription is acknowledged with nothing in it, and the end of the input ends the server', async () => {
  send({ jsonrpc: '2.0', id: 'sub', method: 'subscriptions/listen', params: { _meta: MODERN, notifications: {} } });
  const { params } = await first(({ method }) => method === 'notifications/subscriptions/acknowledged');
  assert.deepEqual(params, { _meta: { 'io.modelcontextprotocol/subscriptionId': 'sub' }, notifications: {} });
  server.stdin.end();
  const code = await new Promise((done) => server.once('exit', done));
  assert.equal(code, 0);
});
