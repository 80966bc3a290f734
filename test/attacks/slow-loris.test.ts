/** Clients that send a byte now and then hold connections open. They get their time, then they are gone; others go on. */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient, modernRequest, textOf } from '../mcp-client.ts';
import { dial } from '../raw-socket.ts';

const SLOW = 1_000;
let upstream: FakeHttpUpstream;
let gateway: TestGateway;

before(async () => {
  upstream = await startModernUpstream();
  gateway = await startToolgate({
    config: {
      upstreams: [{ name: 'fake', url: upstream.url }],
      limits: { headerTimeoutMs: 1_500, requestTimeoutMs: 3_000, connectionsPerAddress: SLOW + 100 },
    },
  });
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

interface SlowClient {
  readonly socket: Socket;
  readonly received: () => string;
  readonly closed: Promise<void>;
}

/** Connects and then sends these pieces, one every `everyMs`, for as long as it is let. */
async function slowly(first: string, piece: string, everyMs: number): Promise<SlowClient> {
  const socket = await dial(gateway.url);
  let text = '';
  let open = true;
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) =>
    socket.on('close', () => {
      open = false;
      resolve();
    }),
  );
  socket.write(first);
  void (async () => {
    while (open) {
      await setTimeout(everyMs);
      if (open && socket.writable) socket.write(piece);
    }
  })();
  return { socket, received: () => text, closed };
}

const request = (): string => {
  const { headers } = modernRequest('tools/call', { name: 'echo' });
  const all = { host: new URL(gateway.url).host, authorization: `Bearer ${gateway.serviceKey}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /mcp/fake HTTP/1.1\r\n${lines.join('')}content-type: application/json\r\n`;
};

test(`${SLOW} slow clients do not keep a good one from its answers, and are all cut off`, {
  timeout: 120_000,
}, async () => {
  const kinds = [
    () => slowly('POST /mcp/fake HTTP/1.1\r\n', 'X-A: b\r\n', 300),
    () => slowly(`${request()}content-length: 100000\r\n\r\n{`, ' ', 300),
    () => slowly(`${request()}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n', 300),
    () => slowly('', '', 300),
  ];
  const slow: SlowClient[] = [];
  while (slow.length < SLOW) {
    slow.push(...(await Promise.all(Array.from({ length: 50 }, (_, index) => kinds[index % 4]!()))));
  }
  let pending = slow.length;
  for (const { closed } of slow) void closed.then(() => pending--);

  const client = modernClient(`${gateway.url}/mcp/fake`, gateway.serviceKey);
  let answered = 0;
  while (pending > 0) {
    const text = `while ${pending} are slow`;
    assert.equal(textOf(await client.request('tools/call', { name: 'echo', arguments: { text } })), text);
    answered++;
    await setTimeout(20);
  }
  // Were it kept waiting, its first answer would come when the slow ones are gone.
  assert.ok(answered > 3, `${answered} good calls`);
  const statuses = new Set(slow.map(({ received }) => received().slice(0, 12)));
  for (const status of statuses) assert.ok(['', 'HTTP/1.1 408', 'HTTP/1.1 400'].includes(status), status);
  assert.equal(upstream.calls('tools/call').length, answered, 'nothing half-sent was forwarded');
});

test('one address gets only so many connections, and has them again when it lets go of some', async () => {
  const capped = await startToolgate({
    config: { upstreams: [{ name: 'fake', url: upstream.url }], limits: { connectionsPerAddress: 20 } },
  });
  try {
    const sockets: Socket[] = [];
    const alive = () => sockets.filter(({ destroyed, readableEnded }) => !destroyed && !readableEnded).length;
    for (let count = 0; count < 60; count++) {
      const socket = await dial(capped.url);
      socket.on('error', () => {}).resume();
      sockets.push(socket);
    }
    const until = performance.now() + 10_000;
    while (alive() > 20 && performance.now() < until) await setTimeout(10);
    assert.equal(alive(), 20);
    for (const socket of sockets) socket.destroy();
    const client = modernClient(`${capped.url}/mcp/fake`, capped.serviceKey);
    for (;;) {
      const reply = await client
        .request('tools/call', { name: 'echo', arguments: { text: 'again' } })
        .catch(() => null);
      if (reply !== null) {
        assert.equal(textOf(reply), 'again');
        break;
      }
      assert.ok(performance.now() < until + 10_000, 'the places did not come back');
      await setTimeout(20);
    }
  } finally {
    await capped.close();
  }
});
