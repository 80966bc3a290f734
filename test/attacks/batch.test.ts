/** Removed from MCP with 2025-06-18: in a batch, what is allowed covers for what is not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { legacyClient, modernRequest, send } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

let upstream: FakeHttpUpstream;
let gateway: PeopledGateway<'reader'>;

before(async () => {
  upstream = await startLegacyUpstream();
  gateway = await startWithPeople({
    people: { reader: { allow: [{ upstream: 'fake', tools: ['echo'] }] } },
    config: { upstreams: [{ name: 'fake', url: upstream.url }] },
  });
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

const allowed = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'echo', arguments: {} } };
const denied = { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'delete', arguments: {} } };

test('a batch is refused whole, whatever is in it, and the upstream hears nothing', async () => {
  const url = `${gateway.url}/mcp/fake`;
  const authorization = `Bearer ${gateway.keys.reader}`;
  // 2025-03-26 is the one revision that had batches.
  const client = await legacyClient(url, gateway.keys.reader, { revision: '2025-03-26' });
  const { headers: modern } = modernRequest('tools/call', allowed.params);
  const batches: object[] = [
    [allowed, denied],
    [denied, allowed],
    [allowed],
    [allowed, allowed],
    [],
    [[allowed]],
    [{ jsonrpc: '2.0', method: 'notifications/initialized' }],
    [{ jsonrpc: '2.0', id: 1, result: {} }],
    [modernRequest('tools/call', allowed.params).body],
  ];
  const before = upstream.received.length;
  for (const body of batches) {
    for (const headers of [{ 'mcp-session-id': client.sessionId }, {}, modern]) {
      const reply = await send(url, { body, headers: { authorization, ...headers } as Record<string, string> });
      assert.equal(reply.status, 400, reply.body);
      assert.equal(reply.message.error.code, -32600);
      assert.match(reply.message.error.message, /batch/i);
    }
  }
  assert.equal(upstream.received.length, before);
});
