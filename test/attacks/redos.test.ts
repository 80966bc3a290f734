/**
 * CVE-2026-0621: a pattern that became a backtracking regular expression. Everything that is compared with a pattern here
 * is compared in linear time: doubling a hostile text may double the work, and not square it.
 */
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { type LegacyClient, legacyClient, send } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

let upstream: FakeHttpUpstream;
let gateway: PeopledGateway<'reader' | 'keyed'>;
let client: LegacyClient;
let keyed: LegacyClient;

const STARS = `${'a*'.repeat(60)}b`;

before(async () => {
  upstream = await startLegacyUpstream();
  upstream.behaviour.resourceTemplates.push(
    { uriTemplate: `test://${'{a}'.repeat(50)}b`, name: 'many' },
    { uriTemplate: `test://${'a{a}'.repeat(50)}b`, name: 'more' },
  );
  gateway = await startWithPeople({
    people: {
      reader: {
        allow: [
          { upstream: 'fake', tools: [STARS], prompts: [STARS], resources: [`test://${STARS}`, 'test://*a*a*a*a*b'] },
        ],
        deny: [{ upstream: '*a*a*a*a*a*b' }],
      },
      keyed: { roles: ['full-access'], key: { tools: [`fake__${STARS}`, '*a*a*a*a*a*a*a*b'] } },
    },
    config: { upstreams: [{ name: 'fake', url: upstream.url, audit: { redact: ['*a*a*a*a*b'] } }] },
  });
  client = await legacyClient(`${gateway.url}/mcp`, gateway.keys.reader);
  keyed = await legacyClient(`${gateway.url}/mcp`, gateway.keys.keyed);
});

after(async () => {
  await gateway.close();
  await upstream.close();
});

const header = (headers: Record<string, string>) => () =>
  send(`${gateway.url}/mcp`, { body: { jsonrpc: '2.0', id: 1, method: 'ping' }, headers });
const authorization = () => ({ authorization: `Bearer ${gateway.keys.reader}` });

/** By the length of the hostile part. Headers are limited to 32 KB in all. */
const BODIES: Readonly<Record<string, (length: number) => () => Promise<unknown>>> = {
  'a tool name against globs': (length) => () => client.request('tools/call', { name: `fake__${'a'.repeat(length)}` }),
  'a tool name against the filter of a key': (length) => () =>
    keyed.request('tools/call', { name: `fake__${'a'.repeat(length)}` }),
  'a URI against globs and templates': (length) => () =>
    client.request('resources/read', { uri: `test://${'a'.repeat(length)}` }),
  'a URI against the filter of a key': (length) => () =>
    keyed.request('resources/read', { uri: `test://${'a'.repeat(length)}` }),
  'underscores in a name': (length) => () => client.request('tools/call', { name: '_'.repeat(length) }),
  'argument names against redaction': (length) => () =>
    keyed.request('tools/call', { name: 'fake__echo', arguments: { ['a'.repeat(length)]: 'a'.repeat(length) } }),
  'a text that begins like many secrets': (length) => () =>
    keyed.request('tools/call', {
      name: 'fake__echo',
      arguments: { text: 'eyJ'.repeat(length / 6) + 'Bearer '.repeat(length / 20) + '-----BEGIN '.repeat(length / 40) },
    }),
  'backslashes and quotes': (length) => () =>
    client.request('tools/call', { name: 'fake__echo', arguments: { text: '\\"'.repeat(length / 2) } }),
  'a cursor': (length) => () => client.request('tools/list', { cursor: 'A'.repeat(length) }),
  'a log level': (length) => () => client.request('logging/setLevel', { level: 'a'.repeat(length) }),
};
const HEADERS: Readonly<Record<string, (length: number) => () => Promise<unknown>>> = {
  'a credential': (length) => header({ authorization: `Bearer ${' '.repeat(length)}` }),
  'a credential of many words': (length) => header({ authorization: `Bearer ${'a '.repeat(length / 2)}` }),
  'a content type': (length) =>
    header({ ...authorization(), 'content-type': `application/json${' '.repeat(length)};x` }),
  'an accept header': (length) => header({ ...authorization(), accept: '*'.repeat(length) }),
  'an origin': (length) => header({ ...authorization(), origin: `http://${'a.'.repeat(length / 2)}` }),
  'a forwarded-for list': (length) => header({ ...authorization(), 'x-forwarded-for': ','.repeat(length) }),
  'a base64 sentinel': (length) =>
    header({
      ...authorization(),
      'mcp-protocol-version': '2026-07-28',
      'mcp-name': `=?base64?${'='.repeat(length)}?=`,
    }),
};

/**
 * Work that grows with the square of the length is 10¹¹ steps or more in each of these tests, which is minutes, and beyond
 * every limit; linear work is done in a moment, on a slow machine, too. Headers are short, so there are many.
 */
function answers(what: string, build: (length: number) => () => Promise<unknown>, length: number, times = 1): void {
  test(`${what} of ${length} hostile characters is answered`, { timeout: 60_000 }, async () => {
    const ask = build(length);
    for (let asked = 0; asked < times; asked++) await ask();
  });
}

for (const [what, build] of Object.entries(BODIES)) answers(what, build, 480_000);
for (const [what, build] of Object.entries(HEADERS)) answers(what, build, 24_000, 300);
