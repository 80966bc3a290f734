/** Two things of one name, or of names that look alike, or a name that climbs out of its place: none of it can be had. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate } from '../harness.ts';
import { type Any, clientOf, listAll, modernClient, modernRequest, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';
import { exchangeRaw } from '../raw-socket.ts';

let upstream: FakeHttpUpstream;

before(async () => {
  upstream = await startModernUpstream();
});
after(() => upstream.close());

const tool = (name: Any, says: string): Any => ({
  definition: { name, description: says, inputSchema: { type: 'object' } },
  call: () => ({ content: [{ type: 'text', text: says }] }),
});

test('an upstream whose name is not a–z, 0–9 and - is refused at the start, and so is a second one of a name', async () => {
  const { url } = upstream;
  for (const name of [
    '../x',
    'a/b',
    'a.b',
    'gıthub',
    'ｇithub',
    'GitHub',
    'git_hub',
    'a__b',
    'git hub',
    ' github',
    'github\n',
    'github\0',
    'git\u200bhub',
    'gi\u0301thub',
    '%67ithub',
    '',
    'x'.repeat(33),
    '__proto__',
  ]) {
    await assert.rejects(startToolgate({ config: { upstreams: [{ name, url }] } }), /name/i, JSON.stringify(name));
  }
  const twice = [
    { name: 'github', url },
    { name: 'github', url: 'http://127.0.0.1:9/mcp' },
  ];
  await assert.rejects(startToolgate({ config: { upstreams: twice } }), /same name/);
});

test('a mount that is not exactly the name of an upstream is unknown', async () => {
  const gateway = await startToolgate({ config: { upstreams: [{ name: 'github', url: upstream.url }] } });
  try {
    const { body, headers } = modernRequest('tools/list');
    const json = JSON.stringify(body);
    const all = { host: new URL(gateway.url).host, authorization: `Bearer ${gateway.serviceKey}`, ...headers };
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
    // By hand, because URL would tidy the paths up.
    const statusOf = async (path: string): Promise<number | undefined> => {
      const rest = `content-type: application/json\r\ncontent-length: ${json.length}\r\nconnection: close\r\n\r\n${json}`;
      return (await exchangeRaw(gateway.url, `POST ${path} HTTP/1.1\r\n${lines.join('')}${rest}`)).statuses[0];
    };
    for (const path of ['/mcp/github', '/mcp/github/', '/mcp/github?x=y'])
      assert.equal(await statusOf(path), 200, path);
    for (const path of [
      '/mcp/GitHub',
      '/mcp/githu',
      '/mcp/github2',
      '/mcp/g%69thub',
      '/mcp/%67ithub',
      '/mcp/git%68ub',
      '/mcp/../github',
      '/mcp/./github',
      '/mcp/x/../github',
      '/mcp/github/..',
      '/mcp/github%2f',
      '/mcp/github%00',
      '/mcp/github.',
      '/mcp/github;a',
      '/mcp/github\\',
      '/mcp/g%C4%B1thub',
      '/mcp/github__echo',
      `/mcp/${'x'.repeat(5_000)}`,
    ]) {
      assert.equal(await statusOf(path), 404, path);
    }
  } finally {
    await gateway.close();
  }
});

test('the same tool of two upstreams is two tools, and each call reaches the one that it names', async () => {
  const [one, two] = [await startModernUpstream(), await startLegacyUpstream()];
  // Names that could be read as another upstream's, if the prefix were looked for anywhere but at the first `__`.
  one.behaviour.tools = [
    tool('get', 'one/get'),
    tool('two__get', 'one/two__get'),
    tool('_get', 'one/_get'),
    tool('a__b__c', 'one/a__b__c'),
  ];
  two.behaviour.tools = [tool('get', 'two/get'), tool('one__get', 'two/one__get')];
  const gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'one', url: one.url },
        { name: 'two', url: two.url },
        { name: 'one-two', url: one.url },
        { name: '-', url: two.url },
      ],
    },
  });
  try {
    for (const era of ['modern', 'legacy'] as const) {
      const client = await clientOf(era, `${gateway.url}/mcp`, gateway.serviceKey);
      const names = (await listAll(client, 'tools/list', 'tools')).map(({ name }): string => name);
      assert.equal(new Set(names).size, names.length);
      for (const [name, says] of [
        ['one__get', 'one/get'],
        ['two__get', 'two/get'],
        ['one__two__get', 'one/two__get'],
        ['two__one__get', 'two/one__get'],
        ['one___get', 'one/_get'],
        ['one__a__b__c', 'one/a__b__c'],
        ['one-two__get', 'one/get'],
        ['-__get', 'two/get'],
      ] as const) {
        assert.ok(names.includes(name), name);
        assert.equal(textOf(await client.request('tools/call', { name, arguments: {} })), says, name);
      }
      for (const name of [
        'get',
        '__get',
        'one_get',
        'one__',
        '__',
        'one',
        'One__get',
        'one__Get',
        'one__get ',
        'o\u200bne__get',
      ]) {
        const { message } = await client.request('tools/call', { name, arguments: {} });
        assert.equal(message.error?.code, -32602, name);
      }
    }
  } finally {
    await gateway.close();
    await one.close();
    await two.close();
  }
});

test('entries that an upstream lists twice, or under names that deceive, are left out and said so', async () => {
  const shady = await startModernUpstream();
  const bad = [
    'a b',
    'de\u200blete',
    'dеlete',
    'tool\n',
    '',
    'x'.repeat(129),
    'näme',
    'a\0b',
    'ﬁle',
    'a:b',
    '<b>',
    7,
    null,
  ];
  shady.behaviour.tools = [tool('good', 'first'), tool('good', 'second'), ...bad.map((name) => tool(name, 'bad'))];
  shady.behaviour.prompts = [
    { name: 'fine' },
    { name: 'fine', description: 'again' },
    ...['', ' x', 'x\u202e', 'ﬁle', 'e\u0301', 'a\nb'].map((name) => ({ name })),
  ];
  shady.behaviour.resources = [
    { uri: 'test://a', name: 'a' },
    { uri: 'test://a', name: 'b' },
    ...['', 'no-scheme', 'test://a b', 'test://\u202e', 'test://\n', '://x'].map((uri) => ({ uri, name: 'x' })),
  ];
  const gateway = await startToolgate({ config: { upstreams: [{ name: 'shady', url: shady.url }] } });
  try {
    const client = modernClient(`${gateway.url}/mcp`, gateway.serviceKey);
    assert.deepEqual(
      (await listAll(client, 'tools/list', 'tools')).map(({ name }) => name),
      ['shady__good'],
    );
    assert.deepEqual(
      (await listAll(client, 'prompts/list', 'prompts')).map(({ name }) => name),
      ['shady__fine'],
    );
    assert.deepEqual(
      (await listAll(client, 'resources/list', 'resources')).map(({ uri }) => uri),
      ['test://a'],
    );
    const warned = gateway.logs.find((line) => line.includes('entries were left out'));
    assert.equal(JSON.parse(String(warned)).upstream, 'shady');
    for (const name of bad.filter((name) => typeof name === 'string')) {
      const { message } = await client.request('tools/call', { name: `shady__${name}`, arguments: {} });
      assert.ok([-32602, -32600].includes(message.error.code), JSON.stringify(name));
    }
  } finally {
    await gateway.close();
    await shady.close();
  }
});

test('a resource that two upstreams list is listed once, and read where the caller may read it', async () => {
  const [one, two] = [await startModernUpstream(), await startLegacyUpstream()];
  let gateway: PeopledGateway<'both' | 'only-two' | 'none'> | undefined;
  try {
    gateway = await startWithPeople({
      people: {
        both: { allow: [{ upstream: '*' }] },
        'only-two': { allow: [{ upstream: 'two' }] },
        none: { allow: [{ upstream: 'one', resources: ['other://*'] }] },
      },
      config: {
        upstreams: [
          { name: 'two', url: two.url },
          { name: 'one', url: one.url },
        ],
      },
    });
    const uri = 'test://one';
    const read = async (who: 'both' | 'only-two' | 'none') => {
      const client = modernClient(`${gateway!.url}/mcp`, gateway!.keys[who]);
      const listed = (await listAll(client, 'resources/list', 'resources')).filter((resource) => resource.uri === uri);
      const before = [one, two].map((fake) => fake.calls('resources/read').length);
      const { message } = await client.request('resources/read', { uri });
      const reached = [one, two].map((fake, index) => fake.calls('resources/read').length - before[index]!);
      return { listed: listed.length, ok: message.error === undefined, reached };
    };
    assert.deepEqual(await read('both'), { listed: 1, ok: true, reached: [1, 0] });
    assert.deepEqual(await read('only-two'), { listed: 1, ok: true, reached: [0, 1] });
    assert.deepEqual(await read('none'), { listed: 0, ok: false, reached: [0, 0] });
  } finally {
    await gateway?.close();
    await one.close();
    await two.close();
  }
});
