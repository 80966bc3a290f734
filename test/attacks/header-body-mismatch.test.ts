/**
 * 2026-07-28, "Standard Request Headers": something before the gateway may have decided on the headers, so a body that
 * says anything else is refused. The gateway itself decides on the body alone.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, modernRequest, open, send, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';
import { exchangeRaw } from '../raw-socket.ts';

let modern: FakeHttpUpstream;
let legacy: FakeHttpUpstream;
let gateway: PeopledGateway<'reader'>;

before(async () => {
  modern = await startModernUpstream();
  legacy = await startLegacyUpstream();
  for (const { behaviour } of [modern, legacy]) behaviour.prompts.push({ name: 'größe' });
  gateway = await startWithPeople({
    people: { reader: { allow: [{ upstream: '*' }], deny: [{ upstream: '*', tools: ['delete'] }] } },
    config: {
      upstreams: [
        { name: 'modern', url: modern.url },
        { name: 'legacy', url: legacy.url },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  await modern.close();
  await legacy.close();
});

const received = () => modern.received.length + legacy.received.length;
const post = (path: string, { body, headers }: { body: Any; headers: Record<string, string> }) =>
  send(gateway.url + path, { body, headers: { ...headers, authorization: `Bearer ${gateway.keys.reader}` } });

const echo = { name: 'echo', arguments: { text: 'through' } };
const without = (headers: Record<string, string>, name: string) =>
  Object.fromEntries(Object.entries(headers).filter(([known]) => known !== name));

test('a header that says something else than the body is 400 with -32020, and nothing is forwarded', async () => {
  const before = received();
  const cases: [method: string, params: object, headers: Record<string, string>][] = [
    ['tools/call', { name: 'delete' }, { 'mcp-name': 'echo' }],
    ['tools/call', { name: 'echo' }, { 'mcp-name': 'delete' }],
    ['tools/call', { name: 'echo' }, { 'mcp-name': 'ECHO' }],
    ['tools/call', { name: 'echo' }, { 'mcp-name': 'echo,echo' }],
    ['tools/call', { name: 'echo' }, { 'mcp-name': '' }],
    ['tools/call', { name: 'echo' }, { 'mcp-name': '=?base64?ZGVsZXRl?=' }],
    ['tools/call', { name: 'echo' }, { 'mcp-name': '=?base64?ZWNobw?=' }],
    ['tools/call', { name: 'echo' }, { 'mcp-name': '=?base64?ZWNob/==?=' }],
    ['tools/call', { name: 'echo' }, { 'mcp-method': 'tools/list' }],
    ['tools/call', { name: 'echo' }, { 'mcp-method': 'Tools/Call' }],
    ['tools/call', { name: 'echo' }, { 'mcp-method': '' }],
    ['tools/list', {}, { 'mcp-method': 'tools/call' }],
    ['prompts/get', { name: 'greet' }, { 'mcp-name': 'other' }],
    ['resources/read', { uri: 'test://one' }, { 'mcp-name': 'test://two' }],
    ['tools/call', { name: 'echo' }, { 'mcp-protocol-version': '2025-11-25' }],
    ['tools/call', { name: 'echo' }, { 'mcp-protocol-version': '2026-07-29' }],
  ];
  for (const mount of ['/mcp/modern', '/mcp/legacy']) {
    for (const [method, params, headers] of cases) {
      const { body, headers: right } = modernRequest(method, params);
      const reply = await post(mount, { body, headers: { ...right, ...headers } });
      assert.equal(reply.status, 400, `${method} ${JSON.stringify(headers)}: ${reply.body}`);
      assert.equal(reply.message.error.code, -32020, reply.body);
      assert.equal(reply.message.id, 1);
    }
  }
  assert.equal(received(), before);
});

test('a header that is missing is a mismatch, too', async () => {
  const before = received();
  for (const missing of ['mcp-method', 'mcp-name', 'mcp-protocol-version']) {
    const { body, headers } = modernRequest('tools/call', echo);
    const reply = await post('/mcp/modern', { body, headers: without(headers, missing) });
    assert.equal(reply.status, 400, missing);
    assert.equal(reply.message.error.code, -32020, missing);
  }
  assert.equal(received(), before);
});

test('a header that stands twice is refused, also with equal values', async () => {
  const before = received();
  const { body, headers } = modernRequest('tools/call', echo);
  const json = JSON.stringify(body);
  for (const [name, second] of [
    ['mcp-name', 'delete'],
    ['mcp-name', 'echo'],
    ['mcp-method', 'tools/list'],
    ['mcp-protocol-version', '2026-07-28'],
    ['mcp-param-region', 'eu'],
  ]) {
    const lines = Object.entries({ 'mcp-param-region': 'us', ...headers }).map(
      ([key, value]) => `${key}: ${value}\r\n`,
    );
    const { statuses } = await exchangeRaw(
      gateway.url,
      `POST /mcp/modern HTTP/1.1\r\nHost: ${new URL(gateway.url).host}\r\nAuthorization: Bearer ${gateway.keys.reader}\r\n` +
        `${lines.join('')}${name!.toUpperCase()}: ${second}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${json.length}\r\nConnection: close\r\n\r\n${json}`,
    );
    assert.deepEqual(statuses, [400], name!);
  }
  assert.equal(received(), before);
});

test('the right headers pass, encoded or not, and the upstream gets them for the name that it knows', async () => {
  assert.equal(textOf(await post('/mcp/modern', modernRequest('tools/call', echo))), 'through');
  const sentinel = { headers: { 'mcp-name': '=?base64?ZWNobw==?=' } };
  assert.equal(textOf(await post('/mcp/modern', modernRequest('tools/call', echo, sentinel))), 'through');
  assert.equal(textOf(await post('/mcp', modernRequest('tools/call', { ...echo, name: 'modern__echo' }))), 'through');
  const seen = modern.calls('tools/call').slice(-3);
  assert.deepEqual(
    seen.map(({ headers, message }) => [headers['mcp-method'], headers['mcp-name'], message.params.name]),
    Array(3).fill(['tools/call', 'echo', 'echo']),
  );
  const prompt = await post('/mcp', modernRequest('prompts/get', { name: 'modern__größe' }));
  assert.equal(prompt.message.result.messages.length, 1, prompt.body);
  assert.equal(modern.calls('prompts/get').at(-1)!.headers['mcp-name'], '=?base64?Z3LDtsOfZQ==?=');
});

test('headers of the newer revision on a request of an older one decide nothing', async () => {
  const headers = { authorization: `Bearer ${gateway.keys.reader}` };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const opened = await open(`${gateway.url}/mcp/legacy`, {
    body: { jsonrpc: '2.0', id: 0, method: 'initialize', params },
    headers: { ...headers, 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
  });
  await opened.closed;
  const session = { ...headers, 'mcp-session-id': String(opened.headers['mcp-session-id']) };
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'delete', arguments: {} } };
  const refused = await send(`${gateway.url}/mcp/legacy`, {
    body: call,
    headers: { ...session, 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
  });
  assert.equal(refused.message.error.message, 'Unknown tool: delete', 'the body is what counts');
});

test('params._meta and the version header must name the same revision', async () => {
  const before = received();
  const { body, headers } = modernRequest('tools/call', echo);
  const meta = (change: object) => ({
    ...body,
    params: { ...body.params, _meta: { ...body.params._meta, ...change } },
  });
  const VERSION = 'io.modelcontextprotocol/protocolVersion';
  const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
  for (const [changed, code] of [
    [meta({ [VERSION]: '2025-11-25' }), -32020],
    [meta({ [VERSION]: 20260728 }), -32602],
    [meta({ [VERSION]: undefined }), -32602],
    [meta({ [CAPABILITIES]: undefined }), -32602],
    [meta({ [CAPABILITIES]: 'all' }), -32602],
    [{ ...body, params: { ...echo } }, -32602],
    [{ ...body, params: { ...echo, _meta: 'x' } }, -32602],
  ] as [object, number][]) {
    const reply = await post('/mcp/modern', { body: changed, headers });
    assert.deepEqual([reply.status, reply.message.error.code], [400, code], reply.body);
  }
  const future = { ...headers, 'mcp-protocol-version': '2099-01-01' };
  const unknown = await post('/mcp/modern', { body: meta({ [VERSION]: '2099-01-01' }), headers: future });
  assert.deepEqual([unknown.status, unknown.message.error.code], [400, -32022]);
  assert.ok(unknown.message.error.data.supported.includes('2026-07-28'));
  assert.equal(received(), before);
});
