import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { contextFor, httpUpstream, identity, noCredential, sharedOptions } from '../../test/fakes/upstream-call.ts';
import type { FakeHttpUpstream } from '../../test/fakes/upstream-http.ts';
import { startModernUpstream } from '../../test/fakes/upstream-modern.ts';
import { isRejected, readEntry } from './catalogue-rules.ts';
import { type LoadedCatalogue, loadCatalogue } from './load-catalogue.ts';
import { openConnection } from './open-connection.ts';

describe('catalogue', () => {
  let fake: FakeHttpUpstream;
  let context: ReturnType<typeof contextFor>;
  beforeEach(async () => {
    fake = await startModernUpstream();
    context = contextFor(httpUpstream(fake.url));
  });
  afterEach(async () => {
    await context.close();
    await fake.close();
  });
  const load = async (previous?: LoadedCatalogue): Promise<LoadedCatalogue> => {
    const connection = await openConnection(context, sharedOptions());
    return loadCatalogue(connection, { credential: noCredential, identity, previous });
  };
  const tool = (name: unknown, more: object = {}) => ({
    definition: { name, inputSchema: { type: 'object' }, ...more },
    call: () => ({}),
  });

  test('all pages of all announced lists are there, with what the annotations claim', async () => {
    fake.behaviour.pageSize = 2;
    const { catalogue, failed, rejected } = await load();
    assert.deepEqual(
      catalogue.tools.map(({ name }) => name),
      ['echo', 'late', 'progress', 'wait', 'ask', 'delete'],
    );
    assert.deepEqual(
      catalogue.tools.filter(({ readOnly }) => readOnly).map(({ name }) => name),
      ['echo'],
    );
    assert.ok(
      catalogue.tools.every(({ destructive, readOnly }) => destructive !== readOnly),
      'what says nothing may destroy',
    );
    assert.deepEqual(
      [catalogue.prompts, catalogue.resources, catalogue.resourceTemplates].map((list) => list.map(({ name }) => name)),
      [['greet'], ['test://one', 'test://two'], ['test://item/{id}']],
    );
    assert.deepEqual([failed, rejected], [[], []]);
    assert.equal(fake.calls('tools/list').length, 3);
    assert.equal(catalogue.instructions, 'Be kind to the fake.');
  });

  test('a list that was not announced is not asked for', async () => {
    fake.behaviour.capabilities = { tools: {} };
    const { catalogue } = await load();
    assert.equal(catalogue.prompts.length, 0);
    assert.deepEqual(
      fake.received.map(({ message }) => message.method).filter((method) => method.endsWith('/list')),
      ['tools/list'],
    );
  });

  test('invalid and repeated entries are left out and named, the others stay', async () => {
    const strange = ['../x', 'gıthub', 'a b', '', 'x'.repeat(129), 'echo', 'new\nline'];
    fake.behaviour.tools.push(...strange.map((name) => tool(name)), tool('fine/tool.v-2_A'), tool(7), {
      definition: { name: 'bare' },
      call: () => ({}),
    });
    const { catalogue, rejected } = await load();
    assert.ok(catalogue.tools.some(({ name }) => name === 'fine/tool.v-2_A'));
    assert.ok(
      catalogue.tools.some(({ name }) => name === '../x'),
      'dots and slashes are characters of names',
    );
    assert.equal(catalogue.tools.length, 6 + 2);
    assert.equal(rejected.length, 8);
    assert.ok(rejected.every(({ name }) => !name.includes('\n') && name.length <= 140));
  });

  test('a list that fails keeps what it had, and the failure is named: an error is never an empty list', async () => {
    const before = await load();
    fake.behaviour.errors.set('tools/list', { code: -32603, message: 'database is down' });
    fake.behaviour.prompts = [];
    const after = await load(before);
    assert.deepEqual(after.catalogue.tools, before.catalogue.tools);
    assert.deepEqual(
      after.failed.map(({ list }) => list),
      ['tools'],
    );
    assert.match(after.failed[0]!.error.message, /database is down/);
    assert.equal(after.catalogue.prompts.length, 0);
    assert.equal(after.hashes.tools, before.hashes.tools);
    assert.notEqual(after.hashes.prompts, before.hashes.prompts);
  });

  test('when every list fails at the first time there is no catalogue', async () => {
    for (const method of ['tools/list', 'prompts/list', 'resources/list'])
      fake.behaviour.errors.set(method, { code: 1, message: 'no' });
    fake.behaviour.capabilities = { tools: {}, prompts: {} };
    await assert.rejects(load(), { code: 'upstream_invalid' });
  });

  test('missing resource templates are no failure', async () => {
    fake.behaviour.errors.set('resources/templates/list', { code: -32601, message: 'Method not found' });
    const { failed, catalogue } = await load();
    assert.deepEqual([failed, catalogue.resourceTemplates], [[], []]);
  });

  test('endless lists, endless pages and huge definitions are bounded', async () => {
    const endless = (await load()).catalogue;
    fake.behaviour.pageSize = 1;
    fake.behaviour.tools.push(...Array.from({ length: 300 }, (_, i) => tool(`t${i}`)));
    const paged = await load();
    assert.match(paged.failed[0]!.error.message, /200 pages/);
    fake.behaviour.pageSize = 20_000;
    fake.behaviour.tools.push(...Array.from({ length: 10_001 }, (_, i) => tool(`u${i}`)));
    fake.behaviour.resources.push({ uri: 'test://huge', description: 'x'.repeat(300_000) });
    const many = await load();
    assert.match(many.failed[0]!.error.message, /10000 entries/);
    assert.match(many.rejected[0]!.why, /larger than/);
    assert.equal(many.catalogue.resources.length, endless.resources.length);
  });
});

test('names: what looks alike, hides or breaks lines is not taken', () => {
  const rejects = (list: Parameters<typeof readEntry>[0], item: object) =>
    isRejected(readEntry(list, item as never, '2025-11-25', true, new Set()));
  for (const name of ['', ' padded ', 'line\nbreak', 'zero\u200bwidth', '\u202egnp.exe', 'ﬁle', 'x'.repeat(257)])
    assert.ok(rejects('prompts', { name }), JSON.stringify(name));
  for (const name of ['greet', 'Generate report', 'Zusammenfassung für Ärzte'])
    assert.ok(!rejects('prompts', { name }), name);
  for (const uri of ['no-scheme', 'a b:c', 'test://x y', 'test://\u0000', `test://${'x'.repeat(9000)}`])
    assert.ok(rejects('resources', { uri }), uri);
  for (const uri of ['file:///a/b', 'test://ü', 'urn:isbn:1']) assert.ok(!rejects('resources', { uri }), uri);
  assert.ok(rejects('resourceTemplates', { uriTemplate: 'a\tb' }));
  assert.ok(!rejects('resourceTemplates', { uriTemplate: 'file:///{path}' }));
});

test('a tool whose x-mcp-header annotations are invalid is left out for modern HTTP only', () => {
  const string = (header: unknown, type = 'string') => ({ type, 'x-mcp-header': header });
  const schema = (properties: object, more: object = {}) => ({
    name: 't',
    inputSchema: { type: 'object', properties, ...more },
  });
  const invalid = [
    schema({ a: string('') }),
    schema({ a: string('a b') }),
    schema({ a: string('x\r\ny') }),
    schema({ a: string('Same'), b: string('same') }),
    schema({ a: string('N', 'number') }),
    schema({ a: { type: 'array', items: string('N') } }),
    schema({ a: { anyOf: [string('N')] } }),
    schema({}, { allOf: [{ properties: { a: string('N') } }] }),
  ];
  const valid = [
    schema({ a: string('A'), b: string('B', 'integer'), c: string('C', 'boolean') }),
    schema({ a: { type: 'object', properties: { b: string('Deep') } } }),
    schema({ 'x-mcp-header': { type: 'string' } }),
  ];
  const rejected = (item: object, revision: '2026-07-28' | '2025-11-25' = '2026-07-28', http = true) =>
    isRejected(readEntry('tools', item as never, revision, http, new Set()));
  for (const item of invalid) {
    assert.ok(rejected(item), JSON.stringify(item));
    assert.ok(!rejected(item, '2025-11-25') && !rejected(item, '2026-07-28', false));
  }
  for (const item of valid) assert.ok(!rejected(item), JSON.stringify(item));
});
