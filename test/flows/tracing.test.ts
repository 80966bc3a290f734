/** Traces: one span per call, between the client's and the upstream's (2026-07-28, "OpenTelemetry trace context"). */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startOtlpCollector } from '../fakes/otlp-collector.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate } from '../harness.ts';
import { clientOf, credentialHeaders, modernClient, modernRequest, send, textOf } from '../mcp-client.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const traceparent = `00-${TRACE}-${PARENT}-01`;

async function startTraced(t: TestContext, timeoutMs = 30_000) {
  const [collector, modern, legacy] = await Promise.all([
    startOtlpCollector(),
    startModernUpstream(),
    startLegacyUpstream(),
  ]);
  const gateway = await startToolgate({
    config: {
      telemetry: { otlpEndpoint: collector.url },
      upstreams: [
        { name: 'modern', url: modern.url, timeoutMs },
        { name: 'legacy', url: legacy.url },
      ],
    },
  });
  let closed = false;
  /** Ends the gateway, which sends what it has not sent yet. */
  const flush = async () => {
    if (!closed) await gateway.close();
    closed = true;
    return collector.spans;
  };
  t.after(async () => {
    await flush();
    await Promise.all([collector.close(), modern.close(), legacy.close()]);
  });
  return { collector, modern, legacy, gateway, flush };
}

const lastCall = (upstream: FakeHttpUpstream) => upstream.calls('tools/call').at(-1)!;

for (const era of ['modern', 'legacy'] as const) {
  test(`a call of a ${era} client becomes one span, child of the client's and parent of the upstream's`, async (t) => {
    const { modern, legacy, gateway, flush } = await startTraced(t);
    const upstream = era === 'modern' ? modern : legacy;
    const client = await clientOf(era, `${gateway.url}/mcp/${era}`, gateway.serviceKey);
    const meta = { traceparent, tracestate: 'vendor=value', 'example.com/own': { kept: true } };
    const reply = await client.request('tools/call', { name: 'echo', arguments: { text: 'hello' } }, { meta });
    assert.equal(textOf(reply), 'hello');
    await client.request('resources/read', { uri: 'test://one' }, { meta });
    await client.request('prompts/get', { name: 'greet' }, { meta });

    const spans = await flush();
    assert.deepEqual(
      spans.map(({ name }) => name),
      ['tools/call echo', 'resources/read test://one', 'prompts/get greet'],
    );
    for (const { traceId, parentSpanId, kind, statusCode, attributes, resource } of spans) {
      assert.deepEqual([traceId, parentSpanId, kind, statusCode], [TRACE, PARENT, 2, 0]);
      assert.equal(attributes['toolgate.upstream'], era);
      assert.match(String(attributes['toolgate.request_id']), /^req_/);
      assert.equal(resource['service.name'], 'toolgate');
    }
    assert.deepEqual(
      spans.map(({ attributes }) => [
        attributes['mcp.method.name'],
        attributes['gen_ai.tool.name'] ?? attributes['mcp.resource.uri'] ?? attributes['gen_ai.prompt.name'],
      ]),
      [
        ['tools/call', 'echo'],
        ['resources/read', 'test://one'],
        ['prompts/get', 'greet'],
      ],
    );
    for (const [index, method] of ['tools/call', 'resources/read', 'prompts/get'].entries()) {
      const { headers, message } = upstream.calls(method).at(-1)!;
      const ours = `00-${TRACE}-${spans[index]!.spanId}-01`;
      assert.equal(headers.traceparent, ours);
      assert.equal(headers.tracestate, 'vendor=value');
      const { _meta } = message.params;
      assert.equal(_meta.traceparent, ours);
      assert.equal(_meta.tracestate, 'vendor=value');
      assert.deepEqual(_meta['example.com/own'], { kept: true }, 'the rest of _meta is as it was');
    }
  });
}

test('without a valid traceparent of the client a trace begins here, and nothing of an invalid one goes on', async (t) => {
  const { modern, gateway, flush } = await startTraced(t);
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  const given = [
    undefined,
    'nonsense',
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${PARENT}-01`,
    `00-${TRACE.toUpperCase()}-${PARENT}-01`,
    `00-${TRACE}-${PARENT}-01\r\nx-evil: 1`,
    42,
  ];
  const sent: string[] = [];
  for (const value of given) {
    const meta = value === undefined ? {} : { traceparent: value };
    const reply = await client.request('tools/call', { name: 'echo', arguments: { text: 'x' } }, { meta });
    assert.equal(textOf(reply), 'x', String(value));
    const { headers, message } = lastCall(modern);
    assert.equal(message.params._meta.traceparent, headers.traceparent);
    sent.push(String(headers.traceparent));
  }
  const spans = await flush();
  assert.equal(spans.length, given.length);
  for (const [index, { traceId, spanId, parentSpanId }] of spans.entries()) {
    assert.equal(parentSpanId, undefined, String(given[index]));
    assert.notEqual(traceId, TRACE);
    assert.equal(sent[index], `00-${traceId}-${spanId}-01`);
  }
  assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, given.length);
});

test("a client's decision not to sample is respected", async (t) => {
  const { modern, gateway, flush } = await startTraced(t);
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  const meta = { traceparent: `00-${TRACE}-${PARENT}-00` };
  await client.request('tools/call', { name: 'echo', arguments: { text: 'x' } }, { meta });
  assert.match(String(lastCall(modern).headers.traceparent), new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
  assert.deepEqual(await flush(), []);
});

test('a call that fails is a span with an error, and what it was called with is in none', async (t) => {
  const { modern, gateway, flush, collector } = await startTraced(t, 2_000);
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  const argument = 'canary-argument-5Tz8';
  modern.behaviour.tools.push({
    definition: { name: 'fails', inputSchema: { type: 'object' } },
    call: () => ({ isError: true, content: [{ type: 'text', text: argument }] }),
  });
  const call = (name: string) => client.request('tools/call', { name, arguments: { text: argument } });
  modern.behaviour.errors.set('prompts/get', { code: -32050, message: argument });
  await client.request('prompts/get', { name: 'greet' });
  modern.faults.push({ kind: 'reset' }, { kind: 'hang' }, { kind: 'status', status: 500, body: argument });
  for (let i = 0; i < 3; i++) await call('echo');
  const [rpc, ...failed] = await flush();
  assert.deepEqual([rpc!.statusCode, rpc!.attributes['error.type']], [2, '-32050']);
  assert.deepEqual(
    failed.map(({ statusCode, attributes }) => [statusCode, attributes['error.type']]),
    [
      [2, 'upstream_unavailable'],
      [2, 'upstream_timeout'],
      [2, 'upstream_unavailable'],
    ],
  );
  assert.ok(!collector.bodies.join().includes(argument));
  assert.ok(!collector.bodies.join().includes(gateway.serviceKey));
});

test('a call that is refused is a span that says why, which its caller is not told', async (t) => {
  const { modern, gateway, flush } = await startTraced(t);
  await gateway.admin('POST', '/roles', { name: 'reader', allow: [{ upstream: 'modern', tools: ['late'] }] });
  const { body: account } = await gateway.admin('POST', '/service-accounts', { name: 'robot' });
  const owner = { kind: 'service_account', id: account.id };
  await gateway.admin('POST', '/role-assignments', { subject: owner, role: 'reader' });
  const { key } = (await gateway.admin('POST', '/access-keys', { owner, name: 'robot key' })).body;
  const client = modernClient(`${gateway.url}/mcp`, key);
  const call = (name: string) => client.request('tools/call', { name }, { meta: { traceparent } });
  const denied = await call('modern__echo');
  const unknown = await call(`modern__${'x'.repeat(500)}`);
  assert.deepEqual([denied.message.error.code, unknown.message.error.code], [-32602, -32602]);
  assert.equal(modern.calls('tools/call').length, 0);
  const spans = await flush();
  assert.deepEqual(
    spans.map(({ name, statusCode, traceId, attributes }) => [
      name.slice(0, 20),
      statusCode,
      traceId,
      attributes['error.type'],
      attributes['toolgate.upstream'],
    ]),
    [
      ['tools/call echo', 2, TRACE, 'denied', 'modern'],
      ['tools/call modern__x', 2, TRACE, 'unknown', ''],
    ],
  );
  assert.equal(String(spans[1]!.attributes['gen_ai.tool.name']).length, 200);
});

test('a collector that is away or hangs costs no call, and does not keep the gateway from stopping', async (t) => {
  const { modern, gateway, flush, collector } = await startTraced(t);
  collector.hang();
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  for (let i = 0; i < 50; i++) {
    assert.equal(textOf(await client.request('tools/call', { name: 'echo', arguments: { text: `${i}` } })), `${i}`);
  }
  assert.equal(modern.calls('tools/call').length, 50);
  await flush();
  const gone = await startToolgate({
    config: { telemetry: { otlpEndpoint: 'http://127.0.0.1:9' }, upstreams: [{ name: 'modern', url: modern.url }] },
  });
  const other = modernClient(`${gone.url}/mcp/modern`, gone.serviceKey);
  assert.equal(textOf(await other.request('tools/call', { name: 'echo', arguments: { text: 'away' } })), 'away');
  await gone.close();
});

test('without a collector the bytes of a call stay as they are, whatever trace context they carry', async (t) => {
  const upstream = await startModernUpstream();
  const gateway = await startToolgate({ config: { upstreams: [{ name: 'modern', url: upstream.url }] } });
  t.after(() => Promise.all([gateway.close(), upstream.close()]));
  const { headers } = modernRequest('tools/call', { name: 'echo' });
  const version = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"';
  const capabilities = '"io.modelcontextprotocol/clientCapabilities":{}';
  const bytes = `{ "jsonrpc":"2.0",\n\t"id" : 1e0, "method":"tools/call", "params": {"name":"echo","_meta":{${version},${capabilities},"traceparent" : "${traceparent}"}, "arguments":{"text":"\\u00e4","n":1.50}} }`;
  const reply = await send(`${gateway.url}/mcp/modern`, {
    body: bytes,
    headers: { ...headers, ...credentialHeaders(gateway.serviceKey), traceparent },
  });
  assert.equal(textOf(reply), 'ä');
  const received = lastCall(upstream);
  assert.equal(received.body, bytes);
  assert.equal(received.headers.traceparent, undefined, 'a header of the caller that is on no list stays here');
});
