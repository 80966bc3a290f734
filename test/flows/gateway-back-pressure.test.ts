/**
 * A client that reads slowly slows its upstream down, and is not what fills the gateway's memory: what the gateway cannot
 * hand on it does not take. Measured at the upstream, by what it could get rid of.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Detour, pump, startDetour } from '../fakes/upstream-detour.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { type Any, clientOf, legacyClient, modernClient, type OpenAnswer, textOf } from '../mcp-client.ts';

const MIB = 1024 * 1024;
const TOTAL = 96 * MIB;
/** What the buffers of the system and of both ends hold at most, generously. */
const HELD = systemBuffers() + 8 * MIB;
/** What a client may leave unread of what nobody can be slowed down for. */
const UNREAD = 32 * MIB;
const PIECE = 'x'.repeat(64 * 1024);
/** Below what an answer may have (64 MiB). */
const HUGE = 62 * MIB;

/**
 * The system lets a receiving buffer grow while it is read from, as the one between upstream and gateway is at first, and
 * every sending buffer. A client that never read keeps a small one.
 */
function systemBuffers(): number {
  const most = (what: 'rmem' | 'wmem', otherwise: number): number => {
    try {
      return Number(readFileSync(`/proc/sys/net/ipv4/tcp_${what}`, 'utf8').trim().split(/\s+/)[2]);
    } catch {
      return otherwise;
    }
  };
  return most('rmem', 16 * MIB) + 2 * most('wmem', 4 * MIB);
}

const STDIO = [process.execPath, new URL('../fakes/upstream-stdio.ts', import.meta.url).pathname];
let modern: FakeHttpUpstream;
let legacy: FakeHttpUpstream;
let detours: Detour[];
let gateway: TestGateway;
let written = 0;

const event = (message: object): string =>
  `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;

/** As many events as fill TOTAL, then the last word. */
function flood(make: (index: number) => object, last?: object): () => string | undefined {
  let index = 0;
  let left = last;
  return () => {
    if (index * PIECE.length < TOTAL) return event(make(index++));
    const word = left;
    left = undefined;
    return word && event(word);
  };
}

async function answer(message: Any, res: Any, req: Any): Promise<boolean> {
  const count = (bytes: number): void => {
    written += bytes;
  };
  if (message?.method === 'tools/call' && message.params.name === 'flood') {
    const { progressToken } = message.params._meta;
    const result = { content: [{ type: 'text', text: 'all of it' }], resultType: 'complete' };
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const make = (progress: number) => ({
      method: 'notifications/progress',
      params: { progressToken, progress, message: PIECE },
    });
    await pump(res, flood(make, { id: message.id, result }), count);
    res.end();
    return true;
  }
  if (message?.method === 'tools/call' && message.params.name === 'huge') {
    res.writeHead(200, { 'content-type': 'application/json' });
    let sent = 0;
    const head = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},"result":{"resultType":"complete","content":[{"type":"text","text":"`;
    const next = () => {
      if (sent === 0) return String(++sent && head);
      if (sent > HUGE / PIECE.length) return undefined;
      return sent++ === HUGE / PIECE.length ? '"}]}}' : PIECE;
    };
    await pump(res, next, count);
    res.end();
    return true;
  }
  const uris = message?.params?.notifications?.resourceSubscriptions;
  if (message?.method === 'subscriptions/listen' && uris !== undefined) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const _meta = { 'io.modelcontextprotocol/subscriptionId': message.id };
    const make = () => ({ method: 'notifications/resources/updated', params: { uri: uris[0], padding: PIECE, _meta } });
    await pump(res, flood(make), count);
    return true;
  }
  if (req.method === 'GET' && clientSessions.has(req.headers['mcp-session-id'])) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const make = () => ({ method: 'notifications/message', params: { level: 'info', data: PIECE } });
    await pump(res, flood(make), count);
    return true;
  }
  return false;
}
/** Of the legacy upstream; the gateway's own session does not get flooded. */
const clientSessions = new Set<unknown>();

before(async () => {
  [modern, legacy] = [await startModernUpstream(), await startLegacyUpstream()];
  for (const { behaviour } of [modern, legacy]) {
    for (const name of ['flood', 'huge']) {
      behaviour.tools.push({ definition: { name, inputSchema: { type: 'object' } }, call: () => ({}) });
    }
  }
  detours = [await startDetour(modern.url, answer), await startDetour(legacy.url, answer)];
  gateway = await startToolgate({
    config: {
      // No disk that is busy with other things is to refuse a call here.
      audit: { mode: 'async' },
      upstreams: [
        { name: 'modern', url: detours[0]!.url },
        { name: 'legacy', url: detours[1]!.url },
        { name: 'process', command: STDIO },
      ],
    },
  });
});

after(async () => {
  for (const detour of detours) await detour.close();
  for (const fake of [modern, legacy]) await fake.close();
  await gateway.close();
});

/** Waits until the upstream cannot get rid of any more, and says how much it could. */
async function writtenAtRest(): Promise<number> {
  for (;;) {
    const before = written;
    await setTimeout(300);
    if (written === before) return written;
  }
}

/** Opens an answer of this type and does not read it. */
async function stall(open: () => Promise<OpenAnswer>, type = 'text/event-stream'): Promise<OpenAnswer> {
  written = 0;
  const answer = await open();
  answer.http.pause();
  if (answer.headers['content-type'] !== type) {
    answer.http.resume();
    await answer.closed;
    assert.fail(`${answer.status} ${answer.body().slice(0, 500)}`);
  }
  return answer;
}

for (const era of ['modern', 'legacy'] as const) {
  for (const upstream of ['modern', 'legacy'] as const) {
    test(`${era} client, ${upstream} upstream: an event stream waits for its reader, and loses nothing`, {
      timeout: 60_000,
    }, async () => {
      const client = await clientOf(era, `${gateway.url}/mcp/${upstream}`, gateway.serviceKey);
      const params = { name: 'flood', arguments: {} };
      const answer = await stall(() => client.open('tools/call', params, { meta: { progressToken: 'mine' } }));
      const held = await writtenAtRest();
      assert.ok(held > 0 && held < HELD, `${held / MIB} MiB of ${TOTAL / MIB}`);
      const other = await client.request('tools/call', { name: 'echo', arguments: { text: 'others go on' } });
      assert.equal(textOf(other), 'others go on');
      answer.http.resume();
      const { result } = await answer.find(({ method }) => method === undefined);
      assert.equal(result.content[0].text, 'all of it');
      const steps = answer.messages.slice(0, -1).map(({ params }) => params.progress);
      assert.deepEqual(
        steps,
        Array.from({ length: TOTAL / PIECE.length }, (_, index) => index),
      );
    });
  }

  test(`${era} client: a large JSON answer waits for its reader, too, where it is not translated`, {
    timeout: 60_000,
  }, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp/${era}`, gateway.serviceKey);
    const answer = await stall(() => client.open('tools/call', { name: 'huge', arguments: {} }), 'application/json');
    const held = await writtenAtRest();
    assert.ok(held > 0 && held < HELD, `${held / MIB} MiB`);
    answer.http.resume();
    await answer.closed;
    assert.equal(answer.messages[0].result.content[0].text.length, (HUGE / PIECE.length - 1) * PIECE.length);
  });
}

test('the standing stream of a legacy client waits for its reader', { timeout: 60_000 }, async () => {
  const client = await legacyClient(`${gateway.url}/mcp`, gateway.serviceKey);
  await client.request('tools/call', { name: 'legacy__echo', arguments: {} });
  clientSessions.add(legacy.calls('tools/call').at(-1)!.headers['mcp-session-id']);
  const stream = await stall(() => client.listen());
  while (written === 0) await setTimeout(5);
  const held = await writtenAtRest();
  assert.ok(held > 0 && held < HELD, `${held / MIB} MiB`);
  stream.http.resume();
  while (stream.messages.length < TOTAL / PIECE.length) await setTimeout(20);
  stream.close();
});

test('a subscription of a modern client waits for its reader', { timeout: 60_000 }, async () => {
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  const notifications = { resourceSubscriptions: ['test://one'] };
  const stream = await stall(() => client.open('subscriptions/listen', { notifications }));
  while (written === 0) await setTimeout(5);
  const held = await writtenAtRest();
  assert.ok(held > 0 && held < HELD, `${held / MIB} MiB`);
  stream.http.resume();
  while (stream.messages.length < 1 + TOTAL / PIECE.length) await setTimeout(20);
  stream.close();
});

test('a client that never reads what it subscribed to is let go, when nobody could be slowed down for it', {
  timeout: 60_000,
}, async () => {
  const url = `${gateway.url}/mcp/process`;
  const [reader, sleeper] = [await legacyClient(url, gateway.serviceKey), await legacyClient(url, gateway.serviceKey)];
  const uri = `test://item/${'u'.repeat(8_000)}`;
  const streams = [await reader.listen(), await sleeper.listen()] as const;
  for (const client of [reader, sleeper]) await client.request('resources/subscribe', { uri });
  streams[1].http.pause();
  const announce = { name: 'announce', arguments: { method: 'notifications/resources/updated', params: { uri } } };
  let sent = 0;
  while (sent * uri.length < 2 * UNREAD) {
    const said = await Promise.all(Array.from({ length: 50 }, () => reader.request('tools/call', announce)));
    // A machine that is busy with other things may make the gateway turn calls away; those announce nothing.
    sent += said.filter(({ message }) => message.result !== undefined).length;
  }
  streams[1].http.resume();
  await streams[1].closed;
  assert.ok(streams[1].messages.length < sent, 'it was let go before all that was kept for it');
  while (streams[0].messages.length < sent) await setTimeout(5);
  assert.equal(streams[0].messages.length, sent, 'who reads gets everything');
  const again = await sleeper.listen();
  assert.equal(again.status, 200, 'and it may come back');
  for (const stream of [...streams, again]) stream.close();
});
