/** `Object.assign` of a parsed `__proto__` changes prototypes. No message may make the gateway believe something new. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, legacyClient, modernRequest, send, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

let modern: FakeHttpUpstream;
let legacy: FakeHttpUpstream;
let gateway: PeopledGateway<'reader'>;

before(async () => {
  modern = await startModernUpstream();
  legacy = await startLegacyUpstream();
  gateway = await startWithPeople({
    people: { reader: { allow: [{ upstream: '*', tools: ['echo'] }] } },
    config: {
      upstreams: [
        { name: 'modern', url: modern.url, audit: { response: 'content' } },
        { name: 'legacy', url: legacy.url, audit: { response: 'content' } },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  await modern.close();
  await legacy.close();
});

/** JSON.stringify leaves `__proto__` of a literal out, so it is written by hand. */
const POLLUTION =
  '{"admin":true,"polluted":"yes","allowed":true,"roles":["owner"],"isError":true,"upstream":"modern","authorization":"x"}';
const CARRIERS = [
  `"__proto__":${POLLUTION}`,
  `"constructor":{"prototype":${POLLUTION}}`,
  `"prototype":${POLLUTION}`,
  `"hasOwnProperty":1,"toString":2,"valueOf":3`,
];

function assertClean(): void {
  // biome-ignore lint/suspicious/noExplicitAny: looking for what should not be there
  const plain = {} as any;
  for (const name of ['admin', 'polluted', 'allowed', 'roles', 'upstream', 'authorization']) {
    assert.equal(plain[name], undefined, name);
    assert.equal(Array.prototype[name as never], undefined, name);
  }
  assert.equal(Object.keys(Object.prototype).length, 0);
}

/** The carrier beside the arguments, in them, in `_meta` and in the envelope. */
function bodies(message: Any, carrier: string): string[] {
  const json = JSON.stringify(message);
  return [
    json.replace('"arguments":{', `${carrier},"arguments":{`),
    json.replace('"arguments":{', `"arguments":{${carrier},`),
    json.replace('"_meta":{', `"_meta":{${carrier},`),
    json.replace('{"jsonrpc"', `{${carrier},"jsonrpc"`),
  ];
}

test('`__proto__` and its kin in a request grant nothing, change nothing, and pass as the data that they are', async () => {
  const authorization = `Bearer ${gateway.keys.reader}`;
  for (const mount of ['modern', 'legacy']) {
    const url = `${gateway.url}/mcp/${mount}`;
    for (const carrier of CARRIERS) {
      const good = modernRequest('tools/call', { name: 'echo', arguments: { text: 'hello' } });
      for (const body of bodies(good.body, carrier)) {
        const reply = await send(url, { body, headers: { ...good.headers, authorization } });
        assert.equal(textOf(reply), 'hello', body);
      }
      const bad = modernRequest('tools/call', { name: 'delete', arguments: {} });
      for (const body of bodies(bad.body, carrier).map((json) => json.replace('{,', '{').replace(',}', '}'))) {
        const reply = await send(url, { body, headers: { ...bad.headers, authorization } });
        assert.equal(reply.message.error.code, -32602, body);
      }
      assertClean();
    }
    const last = (mount === 'modern' ? modern : legacy).calls('tools/call').at(-1)!;
    assert.ok(last.body.includes(CARRIERS.at(-1)!));
  }
});

test('names of the prototype are names like others, and unknown', async () => {
  for (const era of ['modern', 'legacy'] as const) {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.reader);
    for (const name of [
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'modern____proto__',
      'modern__constructor',
    ]) {
      for (const method of ['tools/call', 'prompts/get']) {
        const { message } = await client.request(method, { name });
        assert.equal(message.error?.code, -32602, `${method} ${name}`);
      }
      const read = await client.request('resources/read', { uri: name });
      assert.ok([-32602, -32002].includes(read.message.error?.code), name);
      const unknown = await client.request(name);
      assert.equal(unknown.message.error.code, -32601, name);
    }
    for (const mount of ['__proto__', 'constructor', 'to-string']) {
      const { body, headers } = modernRequest('tools/list');
      const reply = await send(`${gateway.url}/mcp/${mount}`, {
        body,
        headers: { ...headers, authorization: `Bearer ${gateway.keys.reader}` },
      });
      assert.equal(reply.status, 404, mount);
    }
  }
});

test('`__proto__` in what an upstream lists and answers reaches nobody’s prototype either', async () => {
  const upstream = await startLegacyUpstream();
  const definition = JSON.parse(`{"name":"poisoned","inputSchema":{"type":"object"},"__proto__":${POLLUTION}}`);
  upstream.behaviour.tools.push({
    definition,
    call: () =>
      JSON.parse(
        `{"content":[{"type":"text","text":"hi"}],"_meta":{"__proto__":${POLLUTION}},"__proto__":${POLLUTION}}`,
      ),
  });
  const poisoned = await startWithPeople({
    people: { anybody: { roles: ['full-access'] } },
    config: { upstreams: [{ name: 'bad', url: upstream.url, audit: { response: 'content' } }] },
  });
  try {
    for (const era of ['modern', 'legacy'] as const) {
      const client = await clientOf(era, `${poisoned.url}/mcp`, poisoned.keys.anybody);
      const { message } = await client.request('tools/list');
      assert.ok(message.result.tools.some(({ name }: { name: string }) => name === 'bad__poisoned'));
      assert.equal(textOf(await client.request('tools/call', { name: 'bad__poisoned', arguments: {} })), 'hi');
      assertClean();
    }
    const session = await legacyClient(`${poisoned.url}/mcp`, poisoned.keys.anybody);
    assert.equal((await session.request('tools/call', { name: 'bad__delete' })).message.result.isError, undefined);
  } finally {
    await poisoned.close();
    await upstream.close();
  }
});
