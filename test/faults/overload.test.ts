/** A gateway that has too much to do says so at once and says when to come back; nothing of what it turns away is done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate } from '../harness.ts';
import { credentialHeaders, legacyClient, modernClient, send, textOf } from '../mcp-client.ts';

test('MCP is answered 503 with Retry-After before anything is read; health, metrics and the admin API go on', async (t) => {
  const upstream = await startModernUpstream();
  let overloaded = false;
  const gateway = await startToolgate({
    config: { upstreams: [{ name: 'fake', url: upstream.url }] },
    isOverloaded: () => overloaded,
  });
  t.after(async () => {
    await gateway.close();
    await upstream.close();
  });
  const url = `${gateway.url}/mcp/fake`;
  const [fresh, old] = [modernClient(url, gateway.serviceKey), await legacyClient(url, gateway.serviceKey)];
  const stream = await old.listen();
  const waiting = fresh.open('tools/call', { name: 'wait', arguments: {} });
  while (upstream.calls('tools/call').length === 0) await new Promise((done) => setTimeout(done, 5));

  overloaded = true;
  const { length } = upstream.received;
  const echo = { name: 'echo', arguments: { text: 'hello' } };
  const refused = [
    await fresh.request('tools/call', echo),
    await fresh.request('tools/list'),
    await old.request('tools/call', echo),
    await old.notify('notifications/roots/list_changed'),
    await old.end(),
    await send(url, { method: 'GET', headers: { accept: 'text/event-stream' } }),
    // Before who asks is looked at, since looking costs, too.
    await send(url, { headers: credentialHeaders('sk-random'), body: 'no JSON' }),
  ];
  for (const { status, headers, message } of refused) {
    assert.equal(status, 503);
    assert.equal(message.error.data.code, 'overloaded');
    assert.match(String(headers['retry-after']), /^[1-9]\d*$/);
  }
  assert.equal(upstream.received.length, length, 'nothing is forwarded');
  for (const path of ['/healthz', '/readyz']) assert.equal((await fetch(gateway.url + path)).status, 200, path);
  assert.equal((await gateway.admin('GET', '/upstreams')).status, 200);
  assert.equal(stream.http.closed, false, 'what is open stays open');

  upstream.behaviour.release();
  const answer = await waiting;
  await answer.closed;
  assert.equal(answer.messages.at(-1).result.content[0].text, 'released', 'what is under way is answered');
  overloaded = false;
  for (const client of [fresh, old]) assert.equal(textOf(await client.request('tools/call', echo)), 'hello');
  stream.close();
});
