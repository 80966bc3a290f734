/** An answer that breaks off in the middle: the client is told on what it already has, under its own id, and soon. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { type Detour, startDetour } from '../fakes/upstream-detour.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, modernClient, modernRequest, type Reply, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';
import { dial } from '../raw-socket.ts';

const STDIO = [process.execPath, new URL('../fakes/upstream-stdio.ts', import.meta.url).pathname];
let modern: FakeHttpUpstream;
let legacy: FakeHttpUpstream;
let detours: Detour[];
let gateway: PeopledGateway<'ann'>;

const event = (message: object): string =>
  `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;

/** What these tools do with their answer. */
const BREAKS: Readonly<Record<string, (id: unknown, token: unknown, res: Any) => void>> = {
  'sse-reset'(_id, token, res) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(event({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } }));
    globalThis.setTimeout(() => res.destroy(), 20);
  },
  'sse-cut-event'(_id, token, res) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write(event({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } }));
    res.write('event: message\ndata: {"jsonrpc":"2.0","id":');
    globalThis.setTimeout(() => res.destroy(), 20);
  },
  'sse-end'(_id, token, res) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.end(event({ method: 'notifications/progress', params: { progressToken: token, progress: 1 } }));
  },
  'sse-empty'(_id, _token, res) {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).end();
  },
  'json-reset'(id, _token, res) {
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': '100000' });
    res.write(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[`);
    globalThis.setTimeout(() => res.destroy(), 20);
  },
};

/** Complete as far as HTTP goes, and no message. ID stands for the id of the call. */
const NO_MESSAGES: Readonly<Record<string, string>> = {
  'no JSON': 'the proxy is down',
  nothing: '',
  'JSON that was cut off': '{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"par',
  'JSON that was cut off after an error in it': '{"jsonrpc":"2.0","id":ID,"result":{"isError":true,"content":[}',
  'another object': '{"message":"rate limited"}',
  'a text': '"result"',
};

before(async () => {
  [modern, legacy] = [await startModernUpstream(), await startLegacyUpstream()];
  for (const { behaviour } of [modern, legacy]) {
    for (const name of [...Object.keys(BREAKS), 'no-message', 'no-message-event']) {
      behaviour.tools.push({ definition: { name, inputSchema: { type: 'object' } }, call: () => ({}) });
    }
  }
  const answer = (message: Any, res: Any): boolean => {
    const { name, arguments: given } = message?.params ?? {};
    if (name?.startsWith('no-message')) {
      const body = NO_MESSAGES[given.what]!.replace('ID', JSON.stringify(message.id));
      res.writeHead(200, { 'content-type': name === 'no-message' ? 'application/json' : 'text/event-stream' });
      res.end(name === 'no-message' ? body : `data: ${body}\n\n`);
      return true;
    }
    const how = message?.method === 'tools/call' ? BREAKS[message.params.name] : undefined;
    how?.(message.id, message.params._meta?.progressToken, res);
    return how !== undefined;
  };
  detours = [await startDetour(modern.url, answer), await startDetour(legacy.url, answer)];
  gateway = await startWithPeople({
    people: { ann: { roles: ['full-access'] } },
    config: {
      upstreams: [
        { name: 'modern', url: detours[0]!.url, timeoutMs: 3_000 },
        { name: 'legacy', url: detours[1]!.url, timeoutMs: 3_000 },
        { name: 'process', command: STDIO },
        { name: 'private', command: STDIO, isolation: 'session' },
      ],
    },
  });
});

after(async () => {
  for (const detour of detours) await detour.close();
  for (const fake of [modern, legacy]) await fake.close();
  await gateway.close();
});

/** Exactly one response, which is an error and carries the client's id. */
function assertTold(reply: Reply, id: string, what: string): void {
  const responses = reply.messages.filter(({ method }) => method === undefined);
  assert.equal(responses.length, 1, `${what}: ${reply.body}`);
  assert.equal(responses[0].id, id, what);
  const { code } = responses[0].error.data;
  assert.ok(['upstream_unavailable', 'upstream_invalid'].includes(code), `${what}: ${reply.body}`);
  assert.match(responses[0].error.data.requestId, /^req_/);
}

async function outcomeOf(requestId: string): Promise<Any> {
  await gateway.admin('POST', '/audit/checkpoints');
  const { body } = await gateway.admin('GET', '/audit/events?limit=50&action=tool.call');
  return body.items.find((item: Any) => item.requestId === requestId);
}

for (const era of ['modern', 'legacy'] as const) {
  for (const upstream of ['modern', 'legacy'] as const) {
    test(`${era} client, ${upstream} upstream: a stream that breaks off ends with an error, and the audit log has it as failed`, {
      timeout: 30_000,
    }, async () => {
      const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.ann);
      // A legacy server may end a stream and go on with it when it is asked for the rest: that is for its own client to do.
      const own = era === 'legacy' && upstream === 'legacy';
      for (const tool of ['sse-reset', 'sse-cut-event', ...(own ? [] : ['sse-end', 'sse-empty'])]) {
        const id = `${era} ${upstream} ${tool}`;
        const params = { name: `${upstream}__${tool}`, arguments: {} };
        const reply = await client.request('tools/call', params, { id, meta: { progressToken: 'token' } });
        assertTold(reply, id, tool);
        if (tool !== 'sse-empty')
          assert.equal(reply.messages[0].params.progressToken, 'token', 'what came before is kept');
        const record = await outcomeOf(reply.message.error.data.requestId);
        assert.equal(record.outcome, 'failed', tool);
        const next = await client.request('tools/call', { name: `${upstream}__echo`, arguments: { text: 'next' } });
        assert.equal(textOf(next), 'next');
      }
    });

    test(`${era} client, ${upstream} upstream: an answer that is no message is an error under the id of the call`, {
      timeout: 30_000,
    }, async () => {
      const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.ann);
      for (const tool of ['no-message', 'no-message-event']) {
        for (const what of Object.keys(NO_MESSAGES)) {
          // An event without data is no message, and none is expected.
          if (tool === 'no-message-event' && what === 'nothing') continue;
          const params = { name: `${upstream}__${tool}`, arguments: { what } };
          const reply = await client.request('tools/call', params, { id: what });
          assertTold(reply, what, `${tool}: ${what}`);
          assert.equal(reply.messages.at(-1).error.data.code, 'upstream_invalid', `${tool}: ${what}`);
          assert.ok(!reply.body.includes('rate limited') && !reply.body.includes('"par'));
          const { outcome, errorCode, responseBytes } = await outcomeOf(reply.message.error.data.requestId);
          assert.deepEqual([outcome, errorCode], ['failed', 'upstream_invalid'], `${tool}: ${what}`);
          if (tool === 'no-message') assert.equal(responseBytes, 0, 'nothing of the upstream went out');
        }
      }
    });

    test(`${era} client, ${upstream} upstream: a JSON answer that breaks off is an error or visibly cut, never half a success`, {
      timeout: 30_000,
    }, async () => {
      const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.ann);
      const answer = await client
        .open('tools/call', { name: `${upstream}__json-reset`, arguments: {} }, { id: 'x' })
        .catch(() => null);
      if (answer === null) return; // The connection was cut before a head: the client sees that, too.
      await answer.closed;
      if (answer.complete) assert.equal(answer.messages[0].error.data.code, 'upstream_unavailable');
      else assert.equal(answer.messages.length, 0);
    });
  }

  test(`${era} client: a process that dies in the middle of a call is an error, and the next call finds a new one`, {
    timeout: 60_000,
  }, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.ann);
    const upstream = era === 'modern' ? 'process' : 'private';
    const wait = client.request('tools/call', { name: `${upstream}__wait`, arguments: {} }, { id: 'waiting' });
    await setTimeout(era === 'modern' ? 50 : 400);
    const crash = await client.request('tools/call', { name: `${upstream}__crash`, arguments: {} }, { id: 'crashing' });
    assertTold(crash, 'crashing', 'crash');
    assertTold(await wait, 'waiting', 'wait');
    for (;;) {
      const reply = await client.request('tools/call', { name: `${upstream}__echo`, arguments: { text: 'back' } });
      if (reply.message.error === undefined) {
        assert.equal(textOf(reply), 'back');
        break;
      }
      await setTimeout(50);
    }
  });
}

test('a client that hangs up in the middle of its own request leaves no trace of a call', {
  timeout: 30_000,
}, async () => {
  const { body, headers } = modernRequest('tools/call', { name: 'delete', arguments: {} });
  const json = JSON.stringify(body);
  const all = { host: new URL(gateway.url).host, authorization: `Bearer ${gateway.keys.ann}`, ...headers };
  const lines = Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  for (const sent of [json.slice(0, -1), json.slice(0, 5), '']) {
    const socket = await dial(gateway.url);
    socket.write(
      `POST /mcp/modern HTTP/1.1\r\n${lines}content-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${sent}`,
    );
    await setTimeout(30);
    socket.destroy();
  }
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.keys.ann);
  assert.equal(textOf(await client.request('tools/call', { name: 'echo', arguments: { text: 'x' } })), 'x');
  assert.ok(!modern.calls('tools/call').some(({ message }) => message.params.name === 'delete'));
  assert.ok(!gateway.logs.some((line) => JSON.parse(line).level === 'error'), gateway.logs.join(''));
});
