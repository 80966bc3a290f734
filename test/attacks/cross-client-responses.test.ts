/**
 * CVE-2026-25536, CVE-2026-111770: one server object for many clients gives one client the answer of another. Here a
 * hundred users call at once with the same JSON-RPC id and the same progress token, each with a secret of their own.
 */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Detour, startDetour } from '../fakes/upstream-detour.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startSseUpstream } from '../fakes/upstream-sse.ts';
import { type Any, clientOf, type Reply, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

const USERS = 100;
const ROUNDS = 3;
const STDIO_FAKE = new URL('../fakes/upstream-stdio.ts', import.meta.url).pathname;
const names = Array.from({ length: USERS }, (_, index) => `user-${index}`);

let gateway: PeopledGateway<string>;
const ends: (() => Promise<unknown>)[] = [];

before(async () => {
  const fakes = {
    legacy: await startLegacyUpstream(),
    streaming: await startLegacyUpstream({ alwaysStream: true }),
    modern: await startModernUpstream(),
    sse: await startSseUpstream(),
  };
  const mixedUp = await startMixedUpServer(fakes.legacy.url);
  ends.push(mixedUp.close);
  for (const fake of Object.values(fakes)) ends.push(fake.close);
  gateway = await startWithPeople({
    people: Object.fromEntries(names.map((name) => [name, { roles: ['full-access'] }])),
    config: {
      upstreams: [
        { name: 'legacy', url: fakes.legacy.url },
        { name: 'streaming', url: fakes.streaming.url },
        { name: 'modern', url: fakes.modern.url },
        { name: 'sse', url: fakes.sse.url, transport: 'sse' },
        { name: 'process', command: [process.execPath, STDIO_FAKE] },
        { name: 'mixed-up', url: mixedUp.url },
        { name: 'private-process', command: [process.execPath, STDIO_FAKE], isolation: 'session' },
      ],
    },
  });
  ends.unshift(gateway.close);
});

after(async () => {
  for (const end of ends) await end();
});

/**
 * A server with the fault of CVE-2026-25536: within one session it finds the open answer by the request's id alone, so of
 * two requests with the same id the later one gets both results.
 */
async function startMixedUpServer(target: string): Promise<Detour> {
  const open = new Map<string, ServerResponse>();
  return startDetour(target, async (message, res, req) => {
    if (message?.method !== 'tools/call') return false;
    const key = `${req.headers['mcp-session-id']} ${message.id}`;
    open.set(key, res);
    await setTimeout(Math.random() * 20);
    const answer = open.get(key);
    if (answer === undefined || answer.headersSent) return true;
    const result = { content: [{ type: 'text', text: message.params.arguments.text }] };
    answer.writeHead(200, { 'content-type': 'application/json' });
    answer.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
    return true;
  });
}

const secretOf = (user: string, round: number): string => `secret of ${user}, round ${round}`;

/** Everything in one answer must be the caller's own: the id, the result, every progress message. */
function assertOwn(reply: Reply, secret: string, id: string | number, token: string | number): void {
  assert.equal(reply.status, 200, reply.body);
  const responses = reply.messages.filter((message: Any) => message.method === undefined);
  assert.equal(responses.length, 1, reply.body);
  assert.strictEqual(responses[0].id, id);
  assert.equal(textOf(reply), secret);
  for (const { method, params } of reply.messages.slice(0, -1)) {
    assert.equal(method, 'notifications/progress');
    assert.strictEqual(params.progressToken, token);
    assert.equal(params.message, secret);
  }
  const foreign = [...reply.body.matchAll(/secret of user-\d+, round \d+/g)].filter(([found]) => found !== secret);
  assert.deepEqual(foreign, []);
}

for (const era of ['modern', 'legacy'] as const) {
  for (const upstream of ['legacy', 'streaming', 'modern', 'sse', 'process'] as const) {
    test(`${USERS} ${era} clients with the same id on the ${upstream} upstream: nobody gets a byte of another`, async () => {
      const clients = await Promise.all(names.map((name) => clientOf(era, `${gateway.url}/mcp`, gateway.keys[name])));
      for (let round = 0; round < ROUNDS; round++) {
        await Promise.all(
          names.map(async (name, index) => {
            const text = secretOf(name, round);
            const tool = index % 2 === 0 ? 'late' : 'progress';
            const params = { name: `${upstream}__${tool}`, arguments: { text, steps: 2 } };
            const reply = await clients[index]!.request('tools/call', params, {
              id: 0,
              meta: { progressToken: 'token' },
            });
            assertOwn(reply, text, 0, 'token');
            if (tool === 'progress') assert.equal(reply.messages.length, 3, reply.body);
          }),
        );
      }
    });
  }
}

test(`${USERS} modern clients on a server that confuses equal ids: it never sees two that are equal`, async () => {
  const clients = await Promise.all(names.map((name) => clientOf('modern', `${gateway.url}/mcp`, gateway.keys[name])));
  await Promise.all(
    names.map(async (name, index) => {
      const text = secretOf(name, 0);
      const params = { name: 'mixed-up__late', arguments: { text } };
      assertOwn(await clients[index]!.request('tools/call', params, { id: 0 }), text, 0, 'none');
    }),
  );
});

test('one client with many calls at once under the ids 0, "0", "" and large ones gets each answer under its own id', async () => {
  const ids = [0, '0', '', -1, Number.MAX_SAFE_INTEGER, 'null', '"', '{}', '\u2028', '😀', ...Array(40).keys()].slice(
    0,
    40,
  );
  for (const upstream of ['legacy', 'modern', 'sse', 'process']) {
    for (const era of ['modern', 'legacy'] as const) {
      const client = await clientOf(era, `${gateway.url}/mcp/${upstream}`, gateway.keys['user-0']);
      await Promise.all(
        [...new Set(ids)].map(async (id, index) => {
          const text = secretOf('user-0', index);
          const reply = await client.request('tools/call', { name: 'late', arguments: { text } }, { id });
          assertOwn(reply, text, id, 'none');
        }),
      );
    }
  }
});

test('sessions with a process of their own never meet', async () => {
  const few = names.slice(0, 8);
  const clients = await Promise.all(few.map((name) => clientOf('legacy', `${gateway.url}/mcp`, gateway.keys[name])));
  await Promise.all(
    clients.map(async (client, index) => {
      const text = secretOf(few[index]!, 0);
      const reply = await client.request(
        'tools/call',
        { name: 'private-process__late', arguments: { text } },
        { id: 0 },
      );
      assertOwn(reply, text, 0, 'none');
    }),
  );
});
