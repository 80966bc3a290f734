/**
 * oauth2-proxy CVE-2026-40575, Traefik CVE-2026-54763: forwarding headers that anybody can send decided who calls and from
 * where. Here no such header is believed unless it comes from a configured network, and no URL is built from one.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, modernClient, modernRequest, send } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

let upstream: FakeHttpUpstream;
let gateway: PeopledGateway<'anywhere' | 'office'>;
let proxied: PeopledGateway<'anywhere' | 'office'>;

const people = {
  anywhere: { roles: ['full-access'] },
  office: { roles: ['full-access'], key: { cidrs: ['203.0.113.0/24'] } },
};

before(async () => {
  upstream = await startModernUpstream();
  const upstreams = [{ name: 'fake', url: upstream.url }];
  gateway = await startWithPeople({ people, config: { upstreams } });
  proxied = await startWithPeople({ people, config: { upstreams, trustedProxies: ['127.0.0.0/8'] } });
});

after(async () => {
  await gateway.close();
  await proxied.close();
  await upstream.close();
});

const SPOOFED: readonly Record<string, string>[] = [
  { 'x-forwarded-for': '203.0.113.7' },
  { 'x-forwarded-for': '203.0.113.7, 203.0.113.8, 127.0.0.1' },
  { x_forwarded_for: '203.0.113.7' },
  { 'x-real-ip': '203.0.113.7' },
  { 'x-client-ip': '203.0.113.7' },
  { 'cf-connecting-ip': '203.0.113.7' },
  { 'true-client-ip': '203.0.113.7' },
  { forwarded: 'for=203.0.113.7;host=evil.example;proto=https' },
  { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-forwarded-port': '443' },
  { 'x-original-url': '/mcp/other', 'x-rewrite-url': '/mcp/other' },
  { 'x-forwarded-prefix': '/evil', 'x-forwarded-server': 'evil.example', 'x-host': 'evil.example' },
];

const echo = { name: 'echo', arguments: { text: 'x' } };

/** The address that the audit log has for the last call of this gateway. */
async function recordedAddress(of: PeopledGateway<'anywhere' | 'office'>): Promise<Any> {
  await of.admin('POST', '/audit/checkpoints');
  const { body } = await of.admin('GET', '/audit/events?limit=1&tool=echo');
  return body.items[0].address;
}

test('nobody is believed by default: the recorded address is the socket’s, and a key bound to a network stays closed', async () => {
  const allowed = modernClient(`${gateway.url}/mcp/fake`, gateway.keys.anywhere);
  const bound = modernClient(`${gateway.url}/mcp/fake`, gateway.keys.office);
  for (const headers of [{}, ...SPOOFED]) {
    assert.equal((await allowed.request('tools/call', echo, { headers })).status, 200);
    assert.equal(await recordedAddress(gateway), '127.0.0.1', JSON.stringify(headers));
    const before = upstream.received.length;
    const refused = await bound.request('tools/call', echo, { headers });
    assert.equal(refused.status, 403, JSON.stringify(headers));
    assert.equal(refused.message.error.data.code, 'address_not_allowed');
    assert.equal(upstream.received.length, before);
  }
});

test('every URL that is handed out is built from the configured one, whatever the request says', async () => {
  const metadata = '/.well-known/oauth-protected-resource';
  for (const headers of [{}, ...SPOOFED]) {
    for (const path of ['', '/mcp', '/mcp/fake']) {
      const { message, body } = await send(gateway.url + metadata + path, { method: 'GET', headers });
      assert.equal(message.resource, gateway.url + (path === '' ? '/mcp' : path), body);
      assert.ok(!body.includes('evil'));
    }
    const { body, headers: right } = modernRequest('tools/call', echo);
    const refused = await send(`${gateway.url}/mcp/fake`, { body, headers: { ...right, ...headers } });
    assert.equal(refused.status, 401);
    const challenge = String(refused.headers['www-authenticate']);
    assert.ok(challenge.includes(`resource_metadata="${gateway.url}${metadata}/mcp/fake"`), challenge);
    assert.ok(!challenge.includes('evil'));
  }
});

test('none of it is passed on to the upstream', async () => {
  const client = modernClient(`${gateway.url}/mcp/fake`, gateway.keys.anywhere);
  for (const headers of SPOOFED) await client.request('tools/call', echo, { headers });
  const passed = upstream.calls('tools/call').flatMap(({ headers }) => Object.keys(headers));
  assert.deepEqual(
    passed.filter((name) => /forward|real|client-ip|connecting|original|rewrite|x-host/.test(name)),
    [],
  );
});

test('from a trusted proxy the right-most untrusted address counts, and nothing left of it', async () => {
  const bound = modernClient(`${proxied.url}/mcp/fake`, proxied.keys.office);
  const cases: [headers: Record<string, string>, address: string][] = [
    [{ 'x-forwarded-for': '203.0.113.7' }, '203.0.113.7'],
    [{ 'x-forwarded-for': '198.51.100.1, 203.0.113.7' }, '203.0.113.7'],
    [{ 'x-forwarded-for': '203.0.113.7, 198.51.100.1' }, '198.51.100.1'],
    [{ 'x-forwarded-for': '203.0.113.7, 198.51.100.1, 127.0.0.9' }, '198.51.100.1'],
    [{ 'x-forwarded-for': '203.0.113.7, nonsense, 127.0.0.9' }, '127.0.0.9'],
    [{ 'x-forwarded-for': '203.0.113.7, ' }, '127.0.0.1'],
    [{ x_forwarded_for: '203.0.113.7' }, '127.0.0.1'],
    [{ 'x-real-ip': '203.0.113.7' }, '127.0.0.1'],
    [{ forwarded: 'for=203.0.113.7' }, '127.0.0.1'],
  ];
  const anywhere = modernClient(`${proxied.url}/mcp/fake`, proxied.keys.anywhere);
  for (const [headers, address] of cases) {
    const { status } = await bound.request('tools/call', echo, { headers });
    assert.equal(status, address.startsWith('203.0.113.') ? 200 : 403, JSON.stringify(headers));
    await anywhere.request('tools/call', echo, { headers });
    assert.equal(await recordedAddress(proxied), address, JSON.stringify(headers));
  }
});
