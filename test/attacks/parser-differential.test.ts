/**
 * Go SDK CVE-2026-27896, GO-2026-4770: the gateway reads one thing in a message and the server behind it another, since
 * parsers differ on duplicate names, case, escapes, NUL and broken UTF-8. Such a message is refused as a whole.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { type LegacyClient, legacyClient, send, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

let upstream: FakeHttpUpstream;
let gateway: PeopledGateway<'reader'>;
let client: LegacyClient;

before(async () => {
  upstream = await startLegacyUpstream();
  gateway = await startWithPeople({
    people: { reader: { allow: [{ upstream: 'fake' }], deny: [{ upstream: 'fake', tools: ['delete'] }] } },
    config: { upstreams: [{ name: 'fake', url: upstream.url }] },
  });
  client = await legacyClient(`${gateway.url}/mcp/fake`, gateway.keys.reader);
  assert.equal(textOf(await client.request('tools/call', { name: 'echo', arguments: { text: 'ok' } })), 'ok');
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

const post = (body: string | Buffer) =>
  send(`${gateway.url}/mcp/fake`, {
    body,
    headers: { authorization: `Bearer ${gateway.keys.reader}`, 'mcp-session-id': client.sessionId },
  });

/** The body with one part of an allowed call replaced. */
const call = (change: Partial<Record<'envelope' | 'params' | 'id' | 'arguments', string>>): string => {
  const { envelope = '', params = '"name":"echo"', id = '1', arguments: args = '{}' } = change;
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{${params},"arguments":${args}}${envelope}}`;
};

const REFUSED: Readonly<Record<string, string>> = {
  'the name twice': call({ params: '"name":"echo","name":"delete"' }),
  'the name twice, the other way round': call({ params: '"name":"delete","name":"echo"' }),
  'the same name twice': call({ params: '"name":"echo","name":"echo"' }),
  'the method twice': call({ envelope: ',"method":"tools/call"' }),
  'params twice': call({ envelope: ',"params":{"name":"delete"}' }),
  'the id twice': call({ envelope: ',"id":2' }),
  'arguments twice': call({ params: '"name":"echo","arguments":{}' }),
  'an argument twice': call({ arguments: '{"text":"a","text":"b"}' }),
  'an argument twice, deep down': call({ arguments: '{"a":[{"b":{"c":1,"c":2}}]}' }),
  'a duplicate by escape': call({ params: '"name":"echo","n\\u0061me":"delete"' }),
  'a name only by escape': call({ params: '"n\\u0061me":"echo"' }),
  'the method only by escape': '{"jsonrpc":"2.0","id":1,"\\u006dethod":"tools/call","params":{"name":"echo"}}',
  'Method beside method': call({ envelope: ',"Method":"tools/list"' }),
  'METHOD alone': '{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"delete"}}',
  'Name beside name': call({ params: '"name":"echo","Name":"delete"' }),
  'NAME before name': call({ params: '"NAME":"delete","name":"echo"' }),
  'Params beside params': call({ envelope: ',"Params":{"name":"delete"}' }),
  'paramſ (long s) beside params': call({ envelope: ',"paramſ":{"name":"delete"}' }),
  'ıd (dotless i)': call({ envelope: ',"ıd":2' }),
  'ｎａｍｅ (full width)': call({ params: '"name":"echo","ｎａｍｅ":"delete"' }),
  'Arguments beside arguments': call({ params: '"name":"echo","Arguments":{"x":1}' }),
  '_Meta beside _meta': call({ params: '"name":"echo","_meta":{},"_Meta":{}' }),
  'ProgressToken in _meta': call({ params: '"name":"echo","_meta":{"ProgressToken":1}' }),
  'Uri beside uri':
    '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"test://one","Uri":"test://two"}}',
  'a ref whose name has a twin':
    '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet","Name":"x"},"argument":{"name":"who","value":""}}}',
  'a ref of a type that another parser may fold':
    '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"REF/PROMPT","name":"x","uri":"test://one"},"argument":{"name":"who","value":""}}}',
  'a NUL in a ref':
    '{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"test://one\\u0000"},"argument":{"name":"who","value":""}}}',
  'a NUL in the name': call({ params: '"name":"echo\\u0000delete"' }),
  'a NUL in the method': '{"jsonrpc":"2.0","id":1,"method":"tools/call\\u0000","params":{"name":"echo"}}',
  'a NUL in a member name': call({ params: '"name":"echo","name\\u0000":"delete"' }),
  'a NUL in the id': call({ id: '"\\u0000"' }),
  'a raw NUL': call({ params: '"name":"echo\0"' }),
  'a raw line break in a string': call({ params: '"name":"echo\n"' }),
  'something after the message': `${call({})} {}`,
  'another message after it': `${call({})}\n${call({ params: '"name":"delete"' })}`,
  'a byte order mark': `\ufeff${call({})}`,
  'a comment': call({ params: '"name":"echo"/* "name":"delete" */' }),
  'single quotes': "{'jsonrpc':'2.0','id':1,'method':'ping'}",
  'a trailing comma': call({ arguments: '{},' }),
  'an unquoted name': call({ params: 'name:"echo"' }),
  'a hexadecimal number': call({ id: '0x1' }),
  NaN: call({ id: 'NaN' }),
  'a leading zero': call({ id: '01' }),
  'a fraction as id': call({ id: '1.5' }),
  'an id beyond 2^53': call({ id: '9007199254740993' }),
  'an id that overflows': call({ id: '1e400' }),
  'null as id': call({ id: 'null' }),
  'an object as id': call({ id: '{}' }),
  'another jsonrpc': '{"jsonrpc":"1.0","id":1,"method":"ping"}',
  'jsonrpc as a number': '{"jsonrpc":2.0,"id":1,"method":"ping"}',
  'no jsonrpc': '{"id":1,"method":"ping"}',
  'method and result': call({ envelope: ',"result":{}' }),
  'method and error': call({ envelope: ',"error":{"code":1,"message":""}' }),
  'params as a list': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["echo"]}',
  'params as text': '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":"echo"}',
  'the method as a list': '{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"name":"echo"}}',
  nothing: '',
  'a number': '1',
  null: 'null',
  text: '"tools/call"',
};

for (const [what, body] of Object.entries(REFUSED)) {
  test(`refused: ${what}`, async () => {
    const { length } = upstream.received;
    const reply = await post(body);
    assert.equal(upstream.received.length, length, 'nothing is forwarded');
    const { code } = reply.message.error;
    if (what.startsWith('a ref of a type')) assert.equal(code, -32602);
    else assert.ok(reply.status === 400 && (code === -32600 || code === -32700), reply.body);
  });
}

test('refused: bytes that are not UTF-8, and escapes of half a character stay what they are', async () => {
  const { length } = upstream.received;
  const [before, after] = call({ params: '"name":"ec#ho"' }).split('#') as [string, string];
  for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]]) {
    const reply = await post(Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]));
    assert.equal(reply.status, 400);
    assert.equal(reply.message.error.code, -32700);
  }
  assert.equal(upstream.received.length, length);
  const utf16 = await post(Buffer.from(call({}), 'utf16le'));
  assert.equal(utf16.status, 400);
});

test('passed on: what only looks like one of these', async () => {
  const args =
    '{"Name":"x","METHOD":"y","name":"delete","__proto__":{"a":1},"text":"\\u0061\\u0000\\ud83d\\ude00 \\"name\\":"}';
  const reply = await post(call({ arguments: args, params: '"name":"\\u0065cho"' }));
  assert.equal(textOf(reply), 'a\0😀 "name":');
  assert.ok(upstream.calls('tools/call').at(-1)!.body.includes(args), 'byte for byte');
});
