/**
 * What passes through stays as it is: numbers beyond 2^53, spacing, escapes, the order of members. A gateway that parses
 * and prints again changes account numbers and breaks signatures.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Detour, startDetour } from '../fakes/upstream-detour.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { type Any, legacyClient, modernRequest, open, send } from '../mcp-client.ts';

let modern: FakeHttpUpstream;
let legacy: FakeLegacyUpstream;
let detours: Detour[];
let gateway: TestGateway;

/** Values that a parser of doubles, or a printer with its own taste, would change. */
const VALUES =
  '{ "id" : 12345678901234567890, "id2":-9007199254740993,"f":1.0,"e":1e400,"g":1.10,"h":1E+2,"z":-0,\t"u":"\\u00e9\\/\\ud83d\\ude00\\u0000",' +
  '"10":1,"2":2,"a" : [ 1 , 2 ,{ } ] , "__proto__":{"x":1}, "long":3.14159265358979323846264338327950288 }';
/** Of these, what no JSON reader may change, whatever it does to spacing. */
const NUMBERS = ['12345678901234567890', '-9007199254740993', '3.14159265358979323846264338327950288', '1e400'];

/** How the next call is answered: everything after the id. */
let result = '';
let stream = false;

before(async () => {
  [modern, legacy] = [await startModernUpstream(), await startLegacyUpstream()];
  const answer = (_message: Any, res: Any, body: string): boolean => {
    const id = /"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)/.exec(body)![1];
    const json = `{ "jsonrpc" : "2.0","id":${id} ,  "result":${result}}`;
    res.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' });
    res.end(stream ? `event: message\ndata: ${json}\n\n` : json);
    return true;
  };
  const calls = (fake: FakeHttpUpstream) =>
    startDetour(fake.url, (message, res) => {
      if (message?.method !== 'tools/call') return false;
      return answer(message, res, JSON.stringify({ id: message.id }));
    });
  detours = [await calls(modern), await calls(legacy)];
  gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'modern', url: modern.url },
        { name: 'legacy', url: legacy.url },
        { name: 'modern-raw', url: detours[0]!.url },
        { name: 'legacy-raw', url: detours[1]!.url },
      ],
    },
  });
});

after(async () => {
  for (const detour of detours) await detour.close();
  await modern.close();
  await legacy.close();
  await gateway.close();
});

/** A call whose bytes are written by hand. */
const legacyBody = (id: string, name: string): string =>
  `\n{ "method" :"tools/call","params":{ "arguments":${VALUES} ,"name" : "${name}", "extra":[ 1.50 ] },\r\n "id":${id}, "jsonrpc":"2.0"}  `;
function modernBody(id: string, name: string): { body: string; headers: Record<string, string> } {
  const { body, headers } = modernRequest('tools/call', { name });
  const meta = JSON.stringify(body.params._meta);
  const json = `{"jsonrpc":"2.0" , "id": ${id},"params":{"_meta":${meta},"name" : "${name}", "arguments":${VALUES}}, "method":"tools/call"}`;
  return { body: json, headers };
}

const authorization = () => ({ authorization: `Bearer ${gateway.serviceKey}` });

test('a legacy request reaches a legacy upstream byte for byte, but for the prefix of its name', async () => {
  for (const [path, prefix] of [
    ['/mcp/legacy', ''],
    ['/mcp', 'legacy__'],
  ] as const) {
    const client = await legacyClient(gateway.url + path, gateway.serviceKey);
    const headers = { ...authorization(), 'mcp-session-id': client.sessionId };
    for (const id of ['7', '"seven \\u0037"', '-0', '9007199254740991']) {
      const reply = await send(gateway.url + path, { body: legacyBody(id, `${prefix}echo`), headers });
      assert.equal(reply.status, 200, reply.body);
      assert.equal(legacy.calls('tools/call').at(-1)!.body, legacyBody(id, 'echo'));
    }
  }
});

test('a modern request reaches a modern upstream byte for byte, but for the prefix of its name', async () => {
  for (const [path, prefix] of [
    ['/mcp/modern', ''],
    ['/mcp', 'modern__'],
  ] as const) {
    for (const id of ['7', '"x"']) {
      const { body, headers } = modernBody(id, `${prefix}echo`);
      const reply = await send(gateway.url + path, { body, headers: { ...headers, ...authorization() } });
      assert.equal(reply.status, 200, reply.body);
      assert.equal(modern.calls('tools/call').at(-1)!.body, modernBody(id, 'echo').body);
    }
  }
});

test('across the eras and over shared sessions the arguments are the same bytes, too', async () => {
  const client = await legacyClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  const headers = { ...authorization(), 'mcp-session-id': client.sessionId };
  await send(`${gateway.url}/mcp/modern`, { body: legacyBody('1', 'echo'), headers });
  assert.ok(modern.calls('tools/call').at(-1)!.body.includes(`"arguments":${VALUES}`));
  const request = modernBody('1', 'echo');
  await send(`${gateway.url}/mcp/legacy`, { body: request.body, headers: { ...request.headers, ...authorization() } });
  assert.ok(legacy.calls('tools/call').at(-1)!.body.includes(`"arguments":${VALUES}`));
});

const RESULT = `{"content" : [ ] ,"resultType":"complete","structuredContent":${VALUES}, "_meta":{ "n":1.0 } }`;

for (const sse of [false, true]) {
  const how = sse ? 'on an event stream' : 'as JSON';
  test(`an answer ${how} within one era reaches the client byte for byte`, async () => {
    [result, stream] = [RESULT, sse];
    const modernCall = modernBody('"my id"', 'echo');
    const fromModern = await open(`${gateway.url}/mcp/modern-raw`, {
      body: modernCall.body,
      headers: { ...modernCall.headers, ...authorization() },
    });
    await fromModern.closed;
    const client = await legacyClient(`${gateway.url}/mcp/legacy-raw`, gateway.serviceKey);
    const fromLegacy = await open(`${gateway.url}/mcp/legacy-raw`, {
      body: legacyBody('"my id"', 'echo'),
      headers: { ...authorization(), 'mcp-session-id': client.sessionId },
    });
    await fromLegacy.closed;
    const json = `{ "jsonrpc" : "2.0","id":"my id" ,  "result":${RESULT}}`;
    for (const answer of [fromModern, fromLegacy]) {
      assert.equal(answer.body(), sse ? `event: message\ndata: ${json}\n\n` : json);
    }
  });

  test(`an answer ${how} from the other era, or over a shared session, keeps every number`, async () => {
    [result, stream] = [RESULT, sse];
    const modernCall = modernBody('"my id"', 'echo');
    const fromLegacy = await open(`${gateway.url}/mcp/legacy-raw`, {
      body: modernCall.body,
      headers: { ...modernCall.headers, ...authorization() },
    });
    await fromLegacy.closed;
    const client = await legacyClient(`${gateway.url}/mcp/modern-raw`, gateway.serviceKey);
    const fromModern = await open(`${gateway.url}/mcp/modern-raw`, {
      body: legacyBody('"my id"', 'echo'),
      headers: { ...authorization(), 'mcp-session-id': client.sessionId },
    });
    await fromModern.closed;
    for (const [from, answer] of Object.entries({ fromLegacy, fromModern })) {
      assert.equal(answer.messages.at(-1).id, 'my id');
      for (const number of NUMBERS) assert.ok(answer.body().includes(number), `${from}: ${number} in ${answer.body()}`);
      const { structuredContent } = answer.messages.at(-1).result;
      assert.deepEqual(structuredContent, JSON.parse(VALUES));
    }
  });
}
