/** JSON.parse survives a depth of a million, JSON.stringify throws at twenty thousand: depth and size are bounded before. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { type LegacyClient, legacyClient, send, textOf } from '../mcp-client.ts';
import { dial } from '../raw-socket.ts';

const MIB = 1024 * 1024;
const BODY_BYTES = 4 * MIB;
let upstream: FakeHttpUpstream;
let gateway: TestGateway;
let client: LegacyClient;
let headers: Record<string, string>;

before(async () => {
  upstream = await startLegacyUpstream();
  gateway = await startToolgate({ config: { upstreams: [{ name: 'fake', url: upstream.url }] } });
  client = await legacyClient(`${gateway.url}/mcp/fake`, gateway.serviceKey);
  headers = { authorization: `Bearer ${gateway.serviceKey}`, 'mcp-session-id': client.sessionId };
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is reachable, in and outside of the heap. */
function bytesInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const post = (body: string | Buffer) => send(`${gateway.url}/mcp/fake`, { body, headers });
const call = (args: string): string =>
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":${args}}}`;
const nested = (open: string, close: string, depth: number, inner = ''): string =>
  open.repeat(depth) + inner + close.repeat(depth);

test('nesting beyond the limit is 400, from one level too many to a million, well-formed or not', async () => {
  const { length } = upstream.received;
  // The envelope and params are two levels of the sixty-four.
  for (const depth of [63, 1_000, 100_000, 1_000_000]) {
    for (const args of [nested('[', ']', depth), nested('{"a":', '}', depth, '1'), '['.repeat(depth)]) {
      if (call(args).length > BODY_BYTES) continue;
      const reply = await post(call(args));
      assert.equal(reply.status, 400, `${args.slice(0, 6)} × ${depth}: ${reply.body.slice(0, 200)}`);
      assert.match(reply.message.error.message, /nests deeper|not valid JSON/);
    }
  }
  assert.equal((await post('['.repeat(1_000_000))).status, 400);
  assert.equal((await post(nested('[', ']', 1_000_000))).status, 400);
  assert.equal(upstream.received.length, length);
  assert.equal((await post(call(nested('[', ']', 62)))).status, 200, 'and the limit itself passes');
  assert.equal((await post(call(`{"text":"${'['.repeat(10_000)}"}`))).status, 200, 'brackets in a text nest nothing');
});

test('a deep body is refused before it becomes a text or is parsed, which is what would keep everybody waiting', async (t) => {
  const deep = Buffer.from('['.repeat(1_000_000));
  const parsed = t.mock.method(JSON, 'parse').mock;
  const decoded = t.mock.method(Buffer.prototype as { toString(): string }, 'toString').mock;
  for (let count = 0; count < 20; count++) assert.equal((await post(deep)).status, 400);
  const large = parsed.calls.filter(({ arguments: [text] }) => String(text).length > 1_000);
  const texts = decoded.calls.filter((call) => String(call.result).length > 1_000);
  assert.deepEqual([large.length, texts.length], [0, 0]);
  assert.ok(parsed.callCount() >= 20, 'the answers, which this process reads, too');
});

test('a body over the limit is 413, by its announced length or by what arrives', async () => {
  const { length } = upstream.received;
  const announced = await post(call(`{"text":"${'x'.repeat(BODY_BYTES)}"}`));
  assert.equal(announced.status, 413);
  assert.equal(announced.message.error.data.code, 'body_too_large');
  const chunked = await new Promise<number>((resolve, reject) => {
    const req = request(`${gateway.url}/mcp/fake`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    });
    req.on('error', reject);
    req.on('response', (res) => {
      res.resume();
      resolve(res.statusCode!);
      req.destroy();
    });
    const chunk = Buffer.alloc(64 * 1024, 0x20);
    const more = (): void => {
      if (!req.destroyed) req.write(chunk, more);
    };
    more();
  });
  assert.equal(chunked, 413);
  assert.equal(upstream.received.length, length);
  assert.equal(textOf(await post(call(`{"text":"${'x'.repeat(BODY_BYTES - 200)}"}`))).length, BODY_BYTES - 200);
});

test('a body in millions of one-byte chunks costs about its own size in memory, and no more', async () => {
  const bytes = 2 * MIB;
  const [beginning, end] = call('{"text":"#"}').split('#') as [string, string];
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  const socket = await dial(gateway.url);
  const head = Object.entries({ ...headers, host: new URL(gateway.url).host, 'content-type': 'application/json' });
  socket.write(
    `POST /mcp/fake HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}transfer-encoding: chunked\r\n\r\n`,
  );
  // Made before the measurement: the sender lives in the same process.
  const wire = Buffer.alloc(bytes * 6, chunk('x'));
  const before = bytesInUse();
  const answered = new Promise<string>((resolve) =>
    socket.once('data', (data) => resolve(data.toString('latin1', 0, 12))),
  );
  socket.write(chunk(beginning));
  for (let at = 0; at < wire.length; at += 64 * 1024) {
    const more = socket.write(wire.subarray(at, at + 64 * 1024));
    if (!more) await new Promise((resolve) => socket.once('drain', resolve));
  }
  // Held back: the body is complete in the gateway, but the last chunk is missing.
  await setTimeout(500);
  const kept = bytesInUse() - before;
  socket.write(`${chunk(end)}0\r\n\r\n`);
  assert.equal(await answered, 'HTTP/1.1 200');
  socket.destroy();
  assert.ok(kept < 16 * MIB, `${Math.round(kept / MIB)} MiB for ${bytes / MIB} MiB`);
});

test('each of sixty thousand members is compared once, however near it is to a name of the protocol', async (t) => {
  const members = Array.from({ length: 60_000 }, (_, index) => `"metho${index}":1`).join();
  const place = (params: string, envelope = ''): string =>
    `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"no such",${params}}${envelope}}`;
  // Names are folded before they are compared: counting that counts the comparisons, without a clock.
  const folded = t.mock.method(String.prototype, 'normalize').mock;
  for (const body of [
    place(`"arguments":{"x":{${members}}}`),
    place(members),
    place(`"_meta":{${members}}`),
    place('"arguments":{}', `,${members}`),
  ]) {
    folded.resetCalls();
    assert.equal((await post(body)).message.error.code, -32602);
    assert.ok(folded.callCount() < 61_000, `${folded.callCount()} for 60,000 members`);
  }
});
