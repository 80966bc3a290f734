/**
 * What is listed is exactly what may be called: for any roles, any keys, any catalogues, on every mount, in both eras. Seen
 * from the outside: a name is in the caller's list, or a call of it never reaches an upstream; never both, never neither.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { RoleRule } from '../../src/model/role.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientIfMounted, listAll, modernClient, type TestClient } from '../mcp-client.ts';
import { type Person, startWithPeople } from '../people.ts';

const NAMES = ['one', 'two', 'tri'] as const;
type Name = (typeof NAMES)[number];
const RUNS = 8;
let fakes: Record<Name, FakeHttpUpstream>;

before(async () => {
  fakes = {
    one: await startModernUpstream(),
    two: await startLegacyUpstream(),
    tri: await startLegacyUpstream({ noStream: true }),
  };
});

after(async () => {
  for (const fake of Object.values(fakes)) await fake.close();
});

const WORDS = ['get_a', 'get_b', 'put_a', 'delete', 'x.y', 'a/b', 'Get_a', 'get__a', 'two__get_a'];
const GLOBS = ['*', 'get_*', '*_a', 'get_a', 'delete', '*.y', '*/*', 'g*t*a', 'no-such', 'GET_A', 'get__*'];
const annotations = fc.constantFrom(
  undefined,
  {},
  { readOnlyHint: true },
  { destructiveHint: false },
  { destructiveHint: true },
);

/** The catalogue of one upstream: what is in it, under names that several upstreams share. */
const catalogue = fc.record({
  tools: fc.uniqueArray(fc.tuple(fc.constantFrom(...WORDS), annotations), { selector: ([name]) => name, maxLength: 6 }),
  prompts: fc.subarray(WORDS, { maxLength: 5 }),
  resources: fc.subarray(WORDS, { maxLength: 5 }),
  templates: fc.subarray(['t1', 't2', 'get_a'], { maxLength: 2 }),
});
type Catalogue = typeof catalogue extends fc.Arbitrary<infer T> ? T : never;

const globs = fc.option(fc.subarray(GLOBS, { minLength: 1, maxLength: 3 }), { nil: undefined });
const rule: fc.Arbitrary<RoleRule> = fc.record(
  {
    upstream: fc.constantFrom('*', 'one', 'two', 't*', '*o*', 'no-such'),
    tools: globs,
    prompts: globs,
    resources: fc.option(
      fc.subarray(['*', 'test://*', '*://get_*', '*_a', 'tmpl://*/{id}', 'nope'], { minLength: 1 }),
      { nil: undefined },
    ),
    when: fc.option(
      fc.constantFrom({ readOnly: true }, { destructive: true }, { readOnly: false, destructive: false }),
      { nil: undefined },
    ),
  },
  { requiredKeys: ['upstream'] },
);
/** `when` is for tools alone, so it goes with no other list. */
const rules = fc.array(
  rule.map(({ prompts, resources, when, ...rest }) =>
    when === undefined ? { ...rest, prompts, resources } : { ...rest, when },
  ),
  { maxLength: 3 },
);
const roles = fc.dictionary(fc.constantFrom('r1', 'r2', 'r3'), fc.record({ allow: rules, deny: rules }), {
  minKeys: 1,
});
const person: fc.Arbitrary<Person> = fc.record({
  kind: fc.constantFrom('user', 'service_account'),
  roles: fc.subarray(['r1', 'r2', 'r3', 'full-access']),
  key: fc.record({
    roles: fc.subarray(['r1', 'r2', 'full-access'], { maxLength: 2 }),
    tools: fc.subarray(['*', 'one__*', '*__get_*', 'two__get_a', '*_a', 'get_a', '*__test://*', 'no__such'], {
      maxLength: 2,
    }),
  }),
});

function serve(fake: FakeHttpUpstream, upstream: Name, { tools, prompts, resources, templates }: Catalogue): void {
  const { behaviour } = fake;
  behaviour.tools = tools.map(([name, hints]) => ({
    definition: { name, inputSchema: { type: 'object' }, ...(hints !== undefined && { annotations: hints }) },
    call: () => ({ content: [] }),
  }));
  behaviour.prompts = prompts.map((name) => ({ name }));
  // Some URIs are the same everywhere, some an upstream's own.
  behaviour.resources = resources.map((word) => ({
    uri: word === 'x.y' ? 'test://everywhere' : `test://${word}.${upstream}`,
    name: word,
  }));
  behaviour.resourceTemplates = templates.map((word) => ({
    uriTemplate: `tmpl://${upstream}.${word}/{id}`,
    name: word,
  }));
}

/** How often requests of this method got through to any upstream while this ran. */
async function reached(method: string, run: () => Promise<unknown>): Promise<number> {
  const count = () => Object.values(fakes).reduce((sum, fake) => sum + fake.calls(method).length, 0);
  const before = count();
  await run();
  return count() - before;
}

interface Kind {
  readonly list: string;
  readonly member: string;
  readonly method: string;
  readonly nameOf: (item: Any) => string;
  readonly params: (name: string) => Any;
  /** All that exist, as this mount names them. */
  readonly existing: (mount: Name | null) => string[];
}

const named = (mount: Name | null, names: (fake: FakeHttpUpstream) => string[]): string[] =>
  NAMES.filter((name) => mount === null || mount === name).flatMap((name) =>
    names(fakes[name]).map((each) => (mount === null ? `${name}__${each}` : each)),
  );
const unnamed = (mount: Name | null, names: (fake: FakeHttpUpstream) => string[]): string[] =>
  NAMES.filter((name) => mount === null || mount === name).flatMap((name) => names(fakes[name]));

const argument = { name: 'x', value: '' };
const KINDS: readonly Kind[] = [
  {
    list: 'tools/list',
    member: 'tools',
    method: 'tools/call',
    nameOf: ({ name }) => name,
    params: (name) => ({ name, arguments: {} }),
    existing: (mount) => named(mount, ({ behaviour }) => behaviour.tools.map(({ definition }) => definition.name)),
  },
  {
    list: 'prompts/list',
    member: 'prompts',
    method: 'prompts/get',
    nameOf: ({ name }) => name,
    params: (name) => ({ name }),
    existing: (mount) => named(mount, ({ behaviour }) => behaviour.prompts.map(({ name }) => name)),
  },
  {
    list: 'prompts/list',
    member: 'prompts',
    method: 'completion/complete',
    nameOf: ({ name }) => name,
    params: (name) => ({ ref: { type: 'ref/prompt', name }, argument }),
    existing: (mount) => named(mount, ({ behaviour }) => behaviour.prompts.map(({ name }) => name)),
  },
  {
    list: 'resources/list',
    member: 'resources',
    method: 'resources/read',
    nameOf: ({ uri }) => uri,
    params: (uri) => ({ uri }),
    existing: (mount) => unnamed(mount, ({ behaviour }) => behaviour.resources.map(({ uri }) => uri)),
  },
  {
    list: 'resources/templates/list',
    member: 'resourceTemplates',
    method: 'completion/complete',
    nameOf: ({ uriTemplate }) => uriTemplate,
    params: (uri) => ({ ref: { type: 'ref/resource', uri }, argument }),
    existing: (mount) =>
      unnamed(mount, ({ behaviour }) => behaviour.resourceTemplates.map(({ uriTemplate }) => uriTemplate)),
  },
];

/** All that is listed; nothing on a mount that is unknown to its caller. */
async function assertListedIsCallable(
  client: TestClient,
  mount: Name | null,
  who: string,
  unknown: boolean,
): Promise<string[]> {
  const everything: string[] = [];
  for (const { list, member, method, nameOf, params, existing } of KINDS) {
    if (unknown) assert.equal((await client.request(list)).status, 404, who);
    const listed = unknown ? [] : (await listAll(client, list, member)).map(nameOf);
    assert.equal(new Set(listed).size, listed.length, `${who}: ${list} names something twice`);
    const all = new Set(existing(mount));
    for (const name of listed) assert.ok(all.has(name), `${who}: ${list} names ${name}, which is not there`);
    everything.push(...listed);
    for (const name of all) {
      let error: Any;
      const calls = await reached(method, async () => {
        error = (await client.request(method, params(name))).message.error;
      });
      const why = `${who}: ${method} ${name} is ${listed.includes(name) ? '' : 'not '}listed; ${JSON.stringify(error)}`;
      assert.equal(calls, listed.includes(name) ? 1 : 0, why);
      assert.equal(error === undefined, listed.includes(name), why);
    }
  }
  return everything;
}

/** Whether the name on `/mcp` can only be of this upstream. */
const isOf = (upstream: Name) => (name: string) =>
  [`${upstream}__`, `tmpl://${upstream}.`].some((beginning) => name.startsWith(beginning)) ||
  name.endsWith(`.${upstream}`);

test('property: what is listed is exactly what may be called', { timeout: 300_000 }, async () => {
  let listed = 0;
  const world = fc.record({
    catalogues: fc.record({ one: catalogue, two: catalogue, tri: catalogue }),
    roles,
    people: fc.array(person, { minLength: 3, maxLength: 4 }),
    pageSize: fc.constantFrom(1, 3, 1000),
  });
  await fc.assert(
    fc.asyncProperty(world, async ({ catalogues, roles, people, pageSize }) => {
      for (const name of NAMES) serve(fakes[name], name, catalogues[name]);
      const gateway = await startWithPeople({
        roles,
        people: Object.fromEntries(people.map((each, index) => [`p${index}`, each])),
        config: {
          audit: { mode: 'async' },
          limits: { listPageSize: pageSize },
          upstreams: NAMES.map((name) => ({ name, url: fakes[name].url })),
        },
      });
      try {
        for (const [name, key] of Object.entries(gateway.keys)) {
          for (const era of ['modern', 'legacy'] as const) {
            let all: readonly string[] = [];
            for (const mount of [null, ...NAMES]) {
              const url = `${gateway.url}/mcp${mount === null ? '' : `/${mount}`}`;
              const who = `${name}, ${era}, ${mount ?? 'all'}`;
              const client = await clientIfMounted(era, url, key);
              const own = client ?? modernClient(url, key);
              const there = await assertListedIsCallable(own, mount, who, client === null);
              if (mount === null) all = there;
              if (client !== null) listed += there.length;
              else if (mount !== null) assert.deepEqual(all.filter(isOf(mount)), [], `${who} is no mount`);
            }
          }
        }
      } finally {
        await gateway.close();
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
  assert.ok(listed > 100, `only ${listed} entries were ever listed: the worlds are too empty to tell anything`);
});
