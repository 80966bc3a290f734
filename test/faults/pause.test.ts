/** A process that stands still for seconds, as on a paused virtual machine, and goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { newDataDir, serveToolgate, until } from '../gateway-process.ts';
import { modernClient, textOf } from '../mcp-client.ts';
import { startLoad } from './call-load.ts';
import { callsByText, verifyGateway } from './gateway-audit.ts';

test('no call is lost: each is answered or turned away with Retry-After, unmade, and then all is as before', {
  timeout: 60_000,
}, async (t) => {
  const upstream = await startModernUpstream();
  t.after(() => upstream.close());
  const dataDir = await newDataDir(t);
  const gateway = await serveToolgate(t, { dataDir, config: { upstreams: [{ name: 'fake', url: upstream.url }] } });
  const client = modernClient(`${gateway.url}/mcp/fake`, gateway.serviceKey);
  await until('the upstream is ready', async () => (await client.request('tools/list')).body.includes('echo'));
  const load = startLoad(`${gateway.url}/mcp/fake`, gateway.serviceKey!, { concurrency: 16 });
  for (let round = 0; round < 2; round++) {
    const before = load.count('ok');
    await until('calls are answered', () => load.count('ok') > before + 50);
    gateway.child.kill('SIGSTOP');
    await new Promise((done) => setTimeout(done, 2_500));
    gateway.child.kill('SIGCONT');
  }
  const before = load.count('ok');
  await until('calls are answered again', () => load.count('ok') > before + 50);
  await load.stop();
  const reached = new Set(upstream.calls('tools/call').map(({ message }) => message.params.arguments.text));
  for (const { text, end, status, code, body } of load.calls.filter(({ end }) => end !== 'ok')) {
    assert.deepEqual([end, status], ['refused', 503], body);
    // Whether the record was durable in time is not known any more when the pause was longer than the deadline.
    assert.ok(code === 'overloaded' || code === 'audit_unavailable', body);
    assert.ok(!reached.has(text), `${text} was turned away and made all the same`);
  }
  assert.equal(textOf(await client.request('tools/call', { name: 'echo', arguments: { text: 'after' } })), 'after');
  const recorded = await callsByText(gateway);
  for (const text of reached) assert.equal(recorded.get(text)?.outcome, 'ok', text);
  assert.equal((await verifyGateway(gateway)).ok, true);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});
