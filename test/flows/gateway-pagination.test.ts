/** Lists in pages: of the upstreams towards the gateway, and of the gateway towards its clients. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, type TestClient } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

const PAGE = 7;
let fakes: FakeHttpUpstream[];
let gateway: PeopledGateway<'everything' | 'even'>;

const nameAt = (index: number): string => `tool-${String(index).padStart(2, '0')}`;

before(async () => {
  fakes = [await startModernUpstream(), await startLegacyUpstream()];
  for (const { behaviour } of fakes) {
    behaviour.pageSize = 4;
    behaviour.tools = Array.from({ length: 30 }, (_, index) => ({
      definition: { name: nameAt(index), inputSchema: { type: 'object' } },
      call: () => ({ content: [] }),
    }));
    behaviour.prompts = Array.from({ length: 9 }, (_, index) => ({ name: `prompt-${index}` }));
    behaviour.resources = Array.from({ length: 15 }, (_, index) => ({ uri: `test://${index}`, name: 'x' }));
    behaviour.resourceTemplates = [];
  }
  gateway = await startWithPeople({
    people: {
      everything: { roles: ['full-access'] },
      even: { allow: [{ upstream: '*', tools: ['*0', '*2', '*4', '*6', '*8'] }] },
    },
    config: {
      limits: { listPageSize: PAGE },
      upstreams: fakes.map(({ url }, index) => ({ name: ['one', 'two'][index], url })),
    },
  });
});

after(async () => {
  await gateway.close();
  for (const fake of fakes) await fake.close();
});

async function pagesOf(client: TestClient, method: string, member: string): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const { message, body } = await client.request(method, cursor === undefined ? {} : { cursor });
    assert.ok(message.result !== undefined, body);
    pages.push(message.result[member].map((item: Any) => item.name ?? item.uri));
    cursor = message.result.nextCursor;
  } while (cursor !== undefined);
  return pages;
}

for (const era of ['legacy', 'modern'] as const) {
  test(`a ${era} client gets every entry once, in full pages, and an end`, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.everything);
    const pages = await pagesOf(client, 'tools/list', 'tools');
    assert.deepEqual(
      pages.map(({ length }) => length),
      [...Array(8).fill(PAGE), 60 - 8 * PAGE],
    );
    const expected = ['one', 'two'].flatMap((name) =>
      Array.from({ length: 30 }, (_, index) => `${name}__${nameAt(index)}`),
    );
    assert.deepEqual(pages.flat(), expected);
    assert.equal((await pagesOf(client, 'prompts/list', 'prompts')).flat().length, 18);
    assert.equal(
      (await pagesOf(client, 'resources/list', 'resources')).flat().length,
      15,
      'the same URI is listed once',
    );
    assert.deepEqual(await pagesOf(client, 'resources/templates/list', 'resourceTemplates'), [[]]);
    const exact = await clientOf(era, `${gateway.url}/mcp/one`, gateway.keys.everything);
    assert.deepEqual(
      (await pagesOf(exact, 'tools/list', 'tools')).map(({ length }) => length),
      [7, 7, 7, 7, 2],
    );
  });

  test(`a ${era} client that may use only some gets pages of these, no gaps and no empty ones`, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp/one`, gateway.keys.even);
    const pages = await pagesOf(client, 'tools/list', 'tools');
    assert.deepEqual(
      pages.map(({ length }) => length),
      [7, 7, 1],
    );
    assert.deepEqual(
      pages.flat(),
      Array.from({ length: 15 }, (_, index) => nameAt(2 * index)),
    );
  });

  test(`a ${era} client with a made-up cursor is told to start again`, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.everything);
    const { message } = await client.request('tools/list');
    const good: string = message.result.nextCursor;
    const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const cursor of [
      '',
      'x',
      '7',
      forged([0, '']),
      forged([-1, '']),
      forged([1e9, 'x']),
      forged(null),
      forged([7.5, 'x']),
      forged({}),
      7,
      null,
      {},
      ['a'],
    ]) {
      const reply = await client.request('tools/list', { cursor });
      assert.equal(reply.message.error?.code, -32602, `${JSON.stringify(cursor)}: ${reply.body.slice(0, 200)}`);
    }
    // It belongs to one list of one mount.
    assert.equal((await client.request('prompts/list', { cursor: good })).message.error.code, -32602);
    const other = await clientOf(era, `${gateway.url}/mcp/two`, gateway.keys.everything);
    assert.equal((await other.request('tools/list', { cursor: good })).message.error.code, -32602);
  });
}

test('a list that changes between two pages is not sewn together from both', async () => {
  const client = await clientOf('modern', `${gateway.url}/mcp/one`, gateway.keys.everything);
  const { message } = await client.request('tools/list');
  const cursor = message.result.nextCursor;
  const { behaviour } = fakes[0]!;
  behaviour.tools.splice(0, 3);
  fakes[0]!.announce('notifications/tools/list_changed');
  for (;;) {
    // The first page only: this list, too, may change between two of its pages.
    const { tools } = (await client.request('tools/list')).message.result;
    if (!tools.some(({ name }: { name: string }) => name === nameAt(0))) break;
    await setTimeout(20);
  }
  assert.equal((await client.request('tools/list', { cursor })).message.error.code, -32602);
});
