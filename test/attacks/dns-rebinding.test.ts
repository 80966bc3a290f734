/**
 * CVE-2025-66414, -66416, -64443, CVE-2026-34742: a web page of a stranger calls a server on this machine, with the
 * visitor's browser, by a name that was made to point here. The Host and the Origin give it away.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernRequest, open, send, textOf } from '../mcp-client.ts';

let upstream: FakeHttpUpstream;
let gateway: TestGateway;
let named: TestGateway;

before(async () => {
  upstream = await startModernUpstream();
  const upstreams = [{ name: 'fake', url: upstream.url }];
  // Without keys nothing else would stop the page.
  gateway = await startToolgate({ config: { upstreams, auth: 'none' } });
  named = await startToolgate({
    config: {
      upstreams,
      publicUrl: 'https://mcp.example.com',
      allowedHosts: ['mcp.internal:8443'],
      allowedOrigins: ['https://app.example.com'],
    },
  });
});

after(async () => {
  await gateway.close();
  await named.close();
  await upstream.close();
});

const call = modernRequest('tools/call', { name: 'echo', arguments: { text: 'through' } });
const portOf = (of: TestGateway): string => new URL(urlOf(of)).port;
/** Where it listens; its public name leads nowhere in a test. */
const urlOf = (of: TestGateway): string => `http://127.0.0.1:${of.app.config.listen.port}`;
/** All but health, which probes ask for by whatever address the machine has, and which tells everybody the same. */
const PATHS = ['/mcp', '/mcp/fake', '/metrics', '/api/v1/users', '/.well-known/oauth-protected-resource', '/no/such'];

const EVIL_ORIGINS = (port: string): string[] => [
  'https://evil.example',
  'http://evil.example:80',
  `http://evil.example:${port}`,
  `http://127.0.0.1.evil.example:${port}`,
  `http://localhost.evil.example:${port}`,
  `http://127.0.0.1:${Number(port) + 1}`,
  `https://127.0.0.1:${port}`,
  `http://user@127.0.0.1:${port}`,
  `http://127.0.0.1:${port}@evil.example`,
  `http://127.0.0.1:${port}/`,
  'null',
  '',
  'file://',
  'chrome-extension://abcdef',
  '*',
];

test('a page of another origin gets 403 on every path and method, and reads nothing of the answer', async () => {
  const before = upstream.received.length;
  for (const origin of EVIL_ORIGINS(portOf(gateway))) {
    for (const path of PATHS.filter((path) => !path.startsWith('/.well-known/'))) {
      for (const method of ['POST', 'GET', 'DELETE', 'OPTIONS']) {
        const reply = await send(urlOf(gateway) + path, {
          method,
          body: method === 'POST' ? call.body : undefined,
          headers: { ...call.headers, origin, 'access-control-request-method': 'POST' },
        });
        assert.equal(reply.status, 403, `${method} ${path} from ${origin}: ${reply.body}`);
        assert.equal(reply.headers['access-control-allow-origin'], undefined);
      }
    }
  }
  assert.equal(upstream.received.length, before);
});

test('a page of another origin reads public metadata and nothing else there', async () => {
  for (const origin of EVIL_ORIGINS(portOf(gateway))) {
    for (const path of PATHS.filter((path) => path.startsWith('/.well-known/'))) {
      const read = await send(urlOf(gateway) + path, { method: 'GET', headers: { origin } });
      assert.equal(read.status, 200, 'clients in a browser find their way by it (RFC 9728)');
      assert.equal(read.headers['access-control-allow-credentials'], undefined);
      const posted = await send(urlOf(gateway) + path, { body: call.body, headers: { ...call.headers, origin } });
      assert.equal(posted.status, 403);
    }
  }
});

test('a request for another host gets 403 on every path', async () => {
  const before = upstream.received.length;
  const port = portOf(gateway);
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    `127.0.0.1.nip.io:${port}`,
    `localhost.evil.example:${port}`,
    `127.0.0.1:${Number(port) + 1}`,
    `127.0.0.2:${port}`,
    `0.0.0.0:${port}`,
    `127.1:${port}`,
    `2130706433:${port}`,
    `localhost.:${port}`,
    `[::ffff:127.0.0.1]:${port}`,
    '169.254.169.254',
  ]) {
    for (const path of PATHS) {
      const reply = await send(urlOf(gateway) + path, {
        method: path.startsWith('/mcp') ? 'POST' : 'GET',
        body: path.startsWith('/mcp') ? call.body : undefined,
        headers: { ...call.headers, host },
      });
      assert.equal(reply.status, 403, `${path} at ${host}: ${reply.body}`);
    }
  }
  assert.equal(upstream.received.length, before);
});

test('the gateway’s own names and origins pass', async () => {
  const port = portOf(gateway);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, `LOCALHOST:${port}`]) {
    const reply = await send(`${urlOf(gateway)}/mcp/fake`, {
      body: call.body,
      headers: { ...call.headers, host, origin: `http://${host.toLowerCase()}` },
    });
    assert.equal(textOf(reply), 'through', host);
    assert.equal(reply.headers['access-control-allow-origin'], `http://${host.toLowerCase()}`);
    assert.equal(reply.headers['access-control-allow-credentials'], undefined, 'cookies mean nothing here');
  }
});

test('with a public URL its host, the listed ones and loopback pass, and no other', async () => {
  const post = (host: string, origin?: string) =>
    send(`${urlOf(named)}/mcp/fake`, {
      body: call.body,
      headers: {
        ...call.headers,
        host,
        ...(origin !== undefined && { origin }),
        authorization: `Bearer ${named.serviceKey}`,
      },
    });
  for (const host of ['mcp.example.com', 'mcp.example.com:443', 'mcp.internal:8443', `127.0.0.1:${portOf(named)}`]) {
    assert.equal((await post(host)).status, 200, host);
  }
  for (const host of ['mcp.example.com:80', 'mcp.internal', 'other.example.com', 'example.com', 'xmcp.example.com']) {
    assert.equal((await post(host)).status, 403, host);
  }
  for (const origin of ['https://mcp.example.com', 'https://app.example.com']) {
    assert.equal((await post('mcp.example.com', origin)).status, 200, origin);
  }
  for (const origin of ['http://mcp.example.com', 'https://evil.example', 'https://app.example.com.evil.example']) {
    assert.equal((await post('mcp.example.com', origin)).status, 403, origin);
  }
});

test('a page of an allowed origin may ask for what MCP needs, and for nothing more', async () => {
  const preflight = (origin: string) =>
    open(`${urlOf(named)}/mcp/fake`, {
      method: 'OPTIONS',
      headers: {
        host: 'mcp.example.com',
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,mcp-session-id,mcp-param-region,x-evil',
      },
    });
  const allowed = await preflight('https://app.example.com');
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers['access-control-allow-origin'], 'https://app.example.com');
  const names = String(allowed.headers['access-control-allow-headers']).split(', ');
  assert.ok(names.includes('authorization') && names.includes('mcp-param-region'));
  assert.ok(!names.includes('x-evil') && !names.includes('*'));
  assert.equal(allowed.headers['access-control-allow-credentials'], undefined);
  assert.equal((await preflight('https://evil.example')).status, 403);
});
