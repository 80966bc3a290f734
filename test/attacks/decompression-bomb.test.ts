/**
 * undici CVE-2026-22036, CVE-2026-84890: a small body that inflates to gigabytes. The gateway inflates nothing, in neither
 * direction: it asks for identity, and refuses what is encoded all the same.
 */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { brotliCompressSync, createGzip, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient, modernRequest, send, textOf } from '../mcp-client.ts';

const MIB = 1024 * 1024;
let upstream: FakeHttpUpstream;
let gateway: TestGateway;
let bomb: Buffer;

before(async () => {
  bomb = await gzipOfZeros(1024 * MIB);
  upstream = await startModernUpstream();
  gateway = await startToolgate({ config: { upstreams: [{ name: 'fake', url: upstream.url }] } });
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

/** A gigabyte in a megabyte. */
async function gzipOfZeros(bytes: number): Promise<Buffer> {
  const gzip = createGzip({ level: 1 });
  const chunks: Buffer[] = [];
  gzip.on('data', (chunk) => chunks.push(chunk));
  const ended = new Promise((resolve) => gzip.on('end', resolve));
  const zeros = Buffer.alloc(4 * MIB, 0x20);
  for (let written = 0; written < bytes; written += zeros.length) {
    if (!gzip.write(zeros)) await new Promise((resolve) => gzip.once('drain', resolve));
  }
  gzip.end();
  await ended;
  return Buffer.concat(chunks);
}

const { body, headers } = modernRequest('tools/call', { name: 'echo', arguments: { text: 'small' } });
const json = Buffer.from(JSON.stringify(body));

test('an encoded request is 415 before a byte of it is read, whatever the encoding is called', async () => {
  const before = upstream.received.length;
  const authorization = `Bearer ${gateway.serviceKey}`;
  for (const [encoding, bytes] of [
    ['gzip', bomb],
    ['gzip', gzipSync(json)],
    ['x-gzip', gzipSync(json)],
    ['GZIP', gzipSync(json)],
    ['deflate', deflateSync(json)],
    ['br', brotliCompressSync(json)],
    ['zstd', zstdCompressSync(json)],
    ['identity, gzip', gzipSync(json)],
    ['gzip, identity', gzipSync(json)],
    ['compress', json],
    ['', json],
  ] as const) {
    const reply = await send(`${gateway.url}/mcp/fake`, {
      body: bytes,
      headers: { ...headers, authorization, 'content-encoding': encoding },
    });
    assert.equal(reply.status, 415, encoding);
    assert.equal(reply.message.error.data.code, 'unsupported_media_type');
  }
  const unnamed = await send(`${gateway.url}/mcp/fake`, { body: bomb, headers: { ...headers, authorization } });
  assert.ok([400, 413].includes(unnamed.status), 'without a name it is just no JSON');
  assert.equal(upstream.received.length, before);
  const identity = { ...headers, authorization, 'content-encoding': 'identity' };
  assert.equal(textOf(await send(`${gateway.url}/mcp/fake`, { body: json, headers: identity })), 'small');
});

test('the upstream is asked for identity, whatever the client accepts', async () => {
  const client = modernClient(`${gateway.url}/mcp/fake`, gateway.serviceKey);
  const accept = { headers: { 'accept-encoding': 'gzip, br, zstd' } };
  const reply = await client.request('tools/call', { name: 'echo', arguments: { text: 'x' } }, accept);
  assert.equal(textOf(reply), 'x');
  assert.equal(reply.headers['content-encoding'], undefined);
  assert.equal(upstream.calls('tools/call').at(-1)!.headers['accept-encoding'], 'identity');
});

/** Answers with a bomb to what `hits` says, and sends on everything else to the fake. */
async function startBomber(hits: (method: string) => boolean, head: Record<string, string>): Promise<Server> {
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const message = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    if (hits(message.method)) return res.writeHead(200, head).end(bomb);
    // A standing stream has no end to wait for, and is not what this is about.
    if (message.method === 'subscriptions/listen') return res.writeHead(404).end();
    const { host: _, ...rest } = req.headers;
    const answer = await send(upstream.url, { body: Buffer.concat(chunks), headers: rest as Record<string, string> });
    return res.writeHead(answer.status, { 'content-type': String(answer.headers['content-type']) }).end(answer.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

for (const head of [
  { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' },
  { 'content-type': 'application/json', 'content-encoding': 'x-gzip, identity' },
]) {
  test(`a gigabyte from the upstream as ${Object.values(head).join(', ')} is refused and not inflated`, async () => {
    const server = await startBomber((method) => method === 'tools/call', head);
    const { port } = server.address() as AddressInfo;
    const bombed = await startToolgate({
      config: { upstreams: [{ name: 'bad', url: `http://127.0.0.1:${port}/mcp` }] },
    });
    try {
      const client = modernClient(`${bombed.url}/mcp/bad`, bombed.serviceKey);
      const before = process.memoryUsage().rss;
      for (let count = 0; count < 5; count++) {
        const { message } = await client.request('tools/call', { name: 'echo', arguments: { text: 'x' } });
        assert.equal(message.error.data.code, 'upstream_invalid');
        assert.match(message.error.message, /encoded body/);
      }
      const grown = process.memoryUsage().rss - before;
      assert.ok(grown < 60 * MIB, `${Math.round(grown / MIB)} MiB`);
    } finally {
      await bombed.close();
      server.closeAllConnections();
      server.close();
    }
  });
}

test('an upstream that encodes its lists is shown as failed, not as empty', async () => {
  const head = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  const server = await startBomber((method) => method.endsWith('/list'), head);
  const { port } = server.address() as AddressInfo;
  const bombed = await startToolgate({ config: { upstreams: [{ name: 'bad', url: `http://127.0.0.1:${port}/mcp` }] } });
  try {
    const [status] = bombed.app.upstreamStatus();
    assert.notEqual(status!.state, 'ready');
    assert.match(JSON.stringify(status), /encoded body/);
  } finally {
    await bombed.close();
    server.closeAllConnections();
    server.close();
  }
});
