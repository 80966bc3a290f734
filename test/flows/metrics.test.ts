/** Metrics: for administrators, in the Prometheus text format, moving with what happens, and holding nothing a caller sent. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { legacyClient, modernClient, send } from '../mcp-client.ts';

let modern: FakeHttpUpstream;
let legacy: FakeHttpUpstream;
let gateway: TestGateway;

before(async () => {
  [modern, legacy] = await Promise.all([startModernUpstream(), startLegacyUpstream()]);
  gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'modern', url: modern.url },
        { name: 'legacy', url: legacy.url },
        { name: 'away', url: 'http://127.0.0.1:9/mcp' },
      ],
    },
    access: { allow: [{ upstream: '*' }], deny: [{ upstream: '*', tools: ['delete'] }] },
  });
});

after(async () => {
  await gateway.close();
  await Promise.all([modern.close(), legacy.close()]);
});

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/g;

async function scrape(): Promise<Sample[]> {
  const { status, headers, body } = await send(`${gateway.url}/metrics`, {
    method: 'GET',
    headers: { authorization: `Bearer ${gateway.ownerKey}` },
  });
  assert.equal(status, 200, body);
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/);
  return body
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = LINE.exec(line) ?? assert.fail(`not a sample: ${line}`);
      const pairs = [...labels.matchAll(LABEL)].map(([, label, text]) => [label, text]);
      return { name: name!, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

const sampleOf = (samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number =>
  samples.find(
    (sample) => sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
  )?.value ?? 0;

test('only an administrator may scrape', async () => {
  const get = (headers: Record<string, string>) => send(`${gateway.url}/metrics`, { method: 'GET', headers });
  assert.equal((await get({})).status, 401);
  assert.equal((await get({ authorization: 'Bearer nonsense' })).status, 401);
  const denied = await get({ authorization: `Bearer ${gateway.serviceKey}` });
  assert.equal(denied.status, 403);
  assert.ok(!denied.body.includes('toolgate_calls'));
});

test('counters move by exactly what happened', async () => {
  const before = await scrape();
  const client = modernClient(`${gateway.url}/mcp`, gateway.serviceKey);
  const call = (name: string, text = 'x') => client.request('tools/call', { name, arguments: { text } });
  for (let i = 0; i < 3; i++) await call('modern__echo');
  await call('modern__delete');
  modern.behaviour.tools.push({
    definition: { name: 'fails', inputSchema: { type: 'object' } },
    call: () => ({ isError: true, content: [] }),
  });
  modern.faults.push({ kind: 'status', status: 500 });
  await call('modern__echo');
  modern.behaviour.errors.set('prompts/get', { code: -32050, message: 'no' });
  await client.request('prompts/get', { name: 'modern__greet' });
  const alone = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  await alone.request('resources/read', { uri: 'test://one' });
  await send(`${gateway.url}/mcp`, { headers: { authorization: 'Bearer nonsense' }, body: {} });

  const now = await scrape();
  const moved = (name: string, labels?: Record<string, string>) =>
    sampleOf(now, name, labels) - sampleOf(before, name, labels);
  const calls = (method: string, outcome: string, upstream = 'modern') =>
    moved('toolgate_calls_total', { upstream, method, outcome });
  assert.equal(calls('tools/call', 'ok'), 3);
  assert.equal(calls('tools/call', 'denied'), 1);
  assert.equal(calls('tools/call', 'failed'), 1);
  assert.equal(calls('prompts/get', 'error'), 1);
  assert.equal(calls('resources/read', 'ok'), 1);
  assert.equal(
    moved('toolgate_call_duration_seconds_count', { upstream: 'modern' }),
    6,
    'a denied call has no duration',
  );
  assert.equal(moved('toolgate_credentials_refused_total'), 1);
});

test('gauges say what is there now', async () => {
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  const session = await legacyClient(`${gateway.url}/mcp/legacy`, gateway.serviceKey);
  const waiting = client.open('tools/call', { name: 'wait', arguments: {} });
  while (!modern.calls('tools/call').some(({ message }) => message.params.name === 'wait')) {
    await new Promise((done) => setTimeout(done, 5));
  }
  const during = await scrape();
  assert.ok(sampleOf(during, 'toolgate_calls_under_way') >= 1);
  assert.equal(sampleOf(during, 'toolgate_sessions'), 1);
  assert.deepEqual(
    ['modern', 'legacy', 'away'].map((upstream) => sampleOf(during, 'toolgate_upstream_ready', { upstream })),
    [1, 1, 0],
  );
  assert.equal(sampleOf(during, 'toolgate_audit_failing'), 0);
  assert.ok(sampleOf(during, 'toolgate_process_resident_memory_bytes') > 0);
  modern.behaviour.release();
  await (await waiting).closed;
  await session.end();
  const afterwards = await scrape();
  assert.equal(sampleOf(afterwards, 'toolgate_sessions'), 0);
  assert.equal(sampleOf(afterwards, 'toolgate_calls_under_way'), 0);
});

test('no label ever holds what a caller sent, and callers cannot make new series', async () => {
  const client = modernClient(`${gateway.url}/mcp`, gateway.serviceKey);
  const one = async (mark: string) => {
    const headers = { authorization: `Bearer ${gateway.serviceKey}` };
    await client.request('tools/call', { name: `modern__${mark}`, arguments: {} });
    await client.request('tools/call', { name: `${mark}__echo`, arguments: {} });
    await client.request('tools/call', { name: mark, arguments: {} });
    await client.request('tools/call', { name: `modern__echo\n# HELP ${mark}`, arguments: {} });
    await client.request(`methods/${mark}`, {});
    await client.request('resources/read', { uri: `test://${mark}` });
    await client.request('prompts/get', { name: `${mark}"} 1` });
    await send(`${gateway.url}/mcp/${mark}`, { headers, body: {} });
    await send(`${gateway.url}/${mark}`, { method: 'GET', headers });
    await send(`${gateway.url}/mcp`, { headers: { authorization: `Bearer ${mark}` }, body: {} });
    await send(`${gateway.url}/mcp`, { headers: { ...headers, 'mcp-method': mark, 'user-agent': mark }, body: mark });
    await legacyClient(`${gateway.url}/mcp/legacy`, gateway.serviceKey, { name: mark });
  };
  await one('first-mark');
  const series = (samples: Sample[]) => samples.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`).sort();
  // Those of the default metrics come and go with what the process has open.
  const ours = (samples: Sample[]) => samples.filter(({ name }) => !/^toolgate_(nodejs|process)_/.test(name));
  const before = await scrape();
  for (let i = 0; i < 10; i++) await one(`mark-${i}`);
  const now = await scrape();
  assert.deepEqual(series(ours(now)), series(ours(before)));

  const known: Readonly<Record<string, ReadonlySet<string>>> = {
    upstream: new Set(['modern', 'legacy', 'away', '']),
    method: new Set([
      'tools/call',
      'prompts/get',
      'resources/read',
      'resources/subscribe',
      'resources/unsubscribe',
      'completion/complete',
    ]),
    outcome: new Set(['ok', 'tool_error', 'error', 'failed', 'cancelled', 'denied']),
  };
  for (const { labels } of ours(now)) {
    for (const [label, text] of Object.entries(labels)) {
      if (label === 'le') assert.match(text, /^(\d+(\.\d+)?|\+Inf)$/);
      else assert.ok(known[label]?.has(text), `${label}="${text}"`);
    }
  }
  for (const sample of now) assert.ok(!JSON.stringify(sample).includes('mark'), JSON.stringify(sample));
});
