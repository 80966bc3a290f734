/**
 * 1MCP CVE-2026-108586: filters were combined so that two denials made a permission. What a key, a role and a mount leave
 * is intersected after each was decided: nothing that one of them takes away comes back through another.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { clientIfMounted, listAll } from '../mcp-client.ts';
import { type PeopledGateway, type Person, startWithPeople } from '../people.ts';

const ALL = ['ask', 'delete', 'echo', 'late', 'progress', 'wait'];

/** Who it is, and the tools of `one` that are theirs. */
const PEOPLE: Readonly<Record<string, Person & { readonly gets: readonly string[] }>> = {
  'no-role': { gets: [] },
  'unknown-role': { roles: ['no-such-role'], gets: [] },
  'empty-role': { allow: [], gets: [] },
  'only-denied': { deny: [{ upstream: '*', tools: ['nothing-of-this-name'] }], gets: [] },
  'not-granted-key': { allow: [{ upstream: 'one', tools: ['echo'] }], key: { tools: ['one__delete'] }, gets: [] },
  'key-of-other-role': { allow: [{ upstream: 'one', tools: ['echo'] }], key: { roles: ['writes'] }, gets: [] },
  'key-of-unknown-role': { allow: [{ upstream: 'one' }], key: { roles: ['no-such-role'] }, gets: [] },
  'key-of-empty-role': { allow: [{ upstream: 'one' }], key: { roles: ['empty'] }, gets: [] },
  'key-of-denying-role': { allow: [{ upstream: 'one' }], key: { roles: ['denies'] }, gets: [] },
  'key-with-more-than-owner': {
    allow: [{ upstream: 'one', tools: ['echo'] }],
    key: { roles: ['everything'] },
    gets: ['echo'],
  },
  'key-with-star': { allow: [{ upstream: 'one', tools: ['echo'] }], key: { tools: ['*'] }, gets: ['echo'] },
  'key-for-other-upstream': { allow: [{ upstream: '*' }], key: { tools: ['two__*'] }, gets: [] },
  'key-of-the-bare-name': { allow: [{ upstream: '*' }], key: { tools: ['echo'] }, gets: [] },
  'key-with-a-dot': { allow: [{ upstream: '*' }], key: { tools: ['one__ech.'] }, gets: [] },
  'key-with-a-class': { allow: [{ upstream: '*' }], key: { tools: ['one__[a-z]*'] }, gets: [] },
  'key-with-a-negation': { allow: [{ upstream: '*' }], key: { tools: ['!one__delete'] }, gets: [] },
  'key-in-capitals': { allow: [{ upstream: '*' }], key: { tools: ['ONE__ECHO'] }, gets: [] },
  'both-key-limits': {
    allow: [{ upstream: 'one' }],
    key: { tools: ['one__delete', 'one__echo'], roles: ['reads'] },
    gets: ['echo'],
  },
  'disjoint-key-limits': { allow: [{ upstream: 'one' }], key: { tools: ['one__delete'], roles: ['reads'] }, gets: [] },
  'deny-wins-in-one-role': {
    allow: [{ upstream: 'one' }],
    deny: [{ upstream: 'one', tools: ['delete'] }],
    gets: ALL.filter((tool) => tool !== 'delete'),
  },
  'deny-wins-over-another-role': { roles: ['everything', 'denies'], gets: ALL.filter((tool) => tool !== 'delete') },
  'deny-of-an-upstream': { roles: ['everything'], deny: [{ upstream: 'one' }], gets: [] },
  'deny-by-annotation': {
    allow: [{ upstream: 'one' }],
    deny: [{ upstream: '*', when: { destructive: true } }],
    // A tool that does not say what it does may do anything.
    gets: ['echo'],
  },
  'allow-by-annotation': { allow: [{ upstream: 'one', when: { readOnly: true } }], gets: ['echo'] },
  'allow-by-annotation-and-name': {
    allow: [{ upstream: 'one', tools: ['delete'], when: { readOnly: true } }],
    gets: [],
  },
  'key-role-denies-more': {
    roles: ['everything'],
    key: { roles: ['everything', 'denies'] },
    gets: ALL.filter((tool) => tool !== 'delete'),
  },
  everything: { roles: ['everything'], gets: ALL },
};

let upstreams: FakeHttpUpstream[];
let gateway: PeopledGateway<string>;

before(async () => {
  upstreams = [await startModernUpstream(), await startLegacyUpstream()];
  gateway = await startWithPeople({
    roles: {
      everything: { allow: [{ upstream: '*' }] },
      reads: { allow: [{ upstream: '*', tools: ['echo'] }] },
      writes: { allow: [{ upstream: '*', tools: ['delete'] }] },
      denies: { deny: [{ upstream: '*', tools: ['delete'] }] },
      empty: {},
    },
    people: PEOPLE,
    config: { upstreams: upstreams.map(({ url }, index) => ({ name: ['one', 'two'][index], url })) },
  });
});

after(async () => {
  await gateway.close();
  for (const upstream of upstreams) await upstream.close();
});

for (const [name, { gets }] of Object.entries(PEOPLE)) {
  test(`${name}: ${gets.length === 0 ? 'nothing' : gets.join(', ')}, in the list and by call, on both mounts`, async () => {
    for (const era of ['modern', 'legacy'] as const) {
      for (const [path, prefix] of [
        ['/mcp', 'one__'],
        ['/mcp/one', ''],
      ] as const) {
        const client = await clientIfMounted(era, gateway.url + path, gateway.keys[name]);
        if (client === null) {
          assert.deepEqual(gets, [], `${name} may use something of a mount that is unknown`);
          continue;
        }
        const listed = (await listAll(client, 'tools/list', 'tools')).map((tool): string => tool.name);
        const own = listed.filter((tool) => prefix === '' || tool.startsWith(prefix));
        assert.deepEqual(own.sort(), gets.map((tool) => prefix + tool).sort(), `${era} ${path}`);
        for (const tool of ['echo', 'delete']) {
          const before = upstreams[0]!.calls('tools/call').length;
          const { message } = await client.request('tools/call', { name: prefix + tool, arguments: {} });
          assert.equal(message.error === undefined, gets.includes(tool), JSON.stringify(message));
          const reached = upstreams[0]!.calls('tools/call').length - before;
          assert.equal(reached, gets.includes(tool) ? 1 : 0);
        }
      }
    }
  });
}
