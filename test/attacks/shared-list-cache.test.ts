/**
 * Lists that one caller was shown must not be kept for another (2026-07-28, `cacheScope`), neither by the gateway nor by
 * anything between it and the client.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { clientIfMounted, clientOf, listAll, modernClient } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

type Name = 'reader' | 'writer' | 'both' | 'both-reading-key' | 'both-one-tool-key' | 'nobody';
let upstreams: FakeHttpUpstream[];
let gateway: PeopledGateway<Name>;

before(async () => {
  upstreams = [await startModernUpstream(), await startLegacyUpstream()];
  for (const { behaviour } of upstreams) {
    behaviour.prompts.push({ name: 'writer-prompt' });
    behaviour.resources.push({ uri: 'test://for-writers', name: 'w' });
    behaviour.resourceTemplates.push({ uriTemplate: 'test://writers/{id}', name: 'w' });
  }
  gateway = await startWithPeople({
    roles: {
      reader: {
        allow: [{ upstream: '*', tools: ['echo'], prompts: ['greet'], resources: ['test://one', 'test://item/*'] }],
      },
      writer: {
        allow: [
          {
            upstream: '*',
            tools: ['delete'],
            prompts: ['writer-prompt'],
            resources: ['test://for-writers', 'test://writers/*'],
          },
        ],
      },
    },
    people: {
      reader: { roles: ['reader'] },
      writer: { roles: ['writer'] },
      both: { roles: ['reader', 'writer'] },
      'both-reading-key': { roles: ['reader', 'writer'], key: { roles: ['reader'] } },
      'both-one-tool-key': { roles: ['reader', 'writer'], key: { tools: ['one__delete'] } },
      nobody: {},
    },
    config: { upstreams: upstreams.map(({ url }, index) => ({ name: ['one', 'two'][index], url })) },
  });
});

after(async () => {
  await gateway.close();
  for (const upstream of upstreams) await upstream.close();
});

const LISTS = {
  'tools/list': ['tools', 'name'],
  'prompts/list': ['prompts', 'name'],
  'resources/list': ['resources', 'uri'],
  'resources/templates/list': ['resourceTemplates', 'uriTemplate'],
} as const;
type Method = keyof typeof LISTS;

const READS = {
  'tools/list': ['echo'],
  'prompts/list': ['greet'],
  'resources/list': ['test://one'],
  'resources/templates/list': ['test://item/{id}'],
};
const WRITES = {
  'tools/list': ['delete'],
  'prompts/list': ['writer-prompt'],
  'resources/list': ['test://for-writers'],
  'resources/templates/list': ['test://writers/{id}'],
};

/** What this person is to see on `/mcp/one`. */
function expected(name: Name, method: Method): string[] {
  const all = { reader: READS[method], writer: WRITES[method], both: [...READS[method], ...WRITES[method]] };
  switch (name) {
    case 'nobody':
      return [];
    case 'both-reading-key':
      return all.reader;
    case 'both-one-tool-key':
      return method === 'tools/list' ? all.writer : [];
    default:
      return all[name];
  }
}

const NAMES: readonly Name[] = ['both', 'reader', 'nobody', 'writer', 'both-one-tool-key', 'both-reading-key', 'both'];

for (const era of ['modern', 'legacy'] as const) {
  test(`one after the other, in any order, every ${era} client gets its own lists and nobody else’s`, async () => {
    for (const mount of ['one', 'two']) {
      for (const name of [...NAMES, ...NAMES.toReversed()]) {
        const client = await clientIfMounted(era, `${gateway.url}/mcp/${mount}`, gateway.keys[name]);
        for (const [method, [member, key]] of Object.entries(LISTS) as [Method, (typeof LISTS)[Method]][]) {
          const listed = client === null ? [] : (await listAll(client, method, member)).map((item) => item[key]);
          const due = mount === 'two' && name === 'both-one-tool-key' ? [] : expected(name, method);
          assert.deepEqual(listed.sort(), [...due].sort(), `${name} on ${mount}: ${method}`);
        }
      }
    }
  });

  test(`all at once, every ${era} client gets its own tools on /mcp`, async () => {
    const clients = await Promise.all(
      NAMES.map(async (name) => ({ name, client: await clientOf(era, `${gateway.url}/mcp`, gateway.keys[name]) })),
    );
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        clients.map(async ({ name, client }) => {
          const listed = (await listAll(client, 'tools/list', 'tools')).map((tool) => tool.name);
          const upstreamNames = name === 'both-one-tool-key' ? ['one'] : ['one', 'two'];
          const due = upstreamNames.flatMap((upstream) =>
            expected(name, 'tools/list').map((tool) => `${upstream}__${tool}`),
          );
          assert.deepEqual(listed.sort(), due.sort(), name);
        }),
      );
    }
  });
}

test('a list says that it is private and stale at once, whatever its upstream said', async () => {
  for (const mount of ['', '/one', '/two']) {
    const client = modernClient(`${gateway.url}/mcp${mount}`, gateway.keys.both);
    for (const method of [...Object.keys(LISTS), 'server/discover']) {
      const { message, headers } = await client.request(method);
      assert.equal(message.result.cacheScope, 'private', `${mount} ${method}`);
      assert.equal(message.result.ttlMs, 0, `${mount} ${method}`);
      assert.doesNotMatch(String(headers['cache-control'] ?? ''), /public|max-age=[1-9]/);
    }
  }
});

test('a cursor of one caller opens nothing for another', async () => {
  const pages = await startWithPeople({
    people: { both: { roles: ['full-access'] }, less: { allow: [{ upstream: 'one', tools: ['wait'] }] } },
    config: { limits: { listPageSize: 1 }, upstreams: [{ name: 'one', url: upstreams[0]!.url }] },
  });
  try {
    const both = modernClient(`${pages.url}/mcp/one`, pages.keys.both);
    const less = modernClient(`${pages.url}/mcp/one`, pages.keys.less);
    let cursor: string | undefined;
    for (;;) {
      const { message } = await both.request('tools/list', cursor === undefined ? {} : { cursor });
      cursor = message.result.nextCursor;
      if (cursor === undefined) break;
      const stolen = await less.request('tools/list', { cursor });
      const names = stolen.message.result?.tools.map((tool: { name: string }) => tool.name) ?? [];
      assert.deepEqual(names, [], stolen.body);
      assert.equal(stolen.message.error.code, -32602);
    }
  } finally {
    await pages.close();
  }
});
