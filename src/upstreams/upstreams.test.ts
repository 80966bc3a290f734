import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  bearer,
  exchange,
  httpUpstream,
  identity,
  noCredential,
  recordingSink,
  silent,
  stdioUpstream,
  toolCall,
  until,
} from '../../test/fakes/upstream-call.ts';
import type { FakeHttpUpstream } from '../../test/fakes/upstream-http.ts';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../../test/fakes/upstream-legacy.ts';
import { startModernUpstream } from '../../test/fakes/upstream-modern.ts';
import { AppError } from '../errors/app-error.ts';
import type { HttpUpstream, Upstream } from '../model/upstream.ts';
import { type CatalogueChange, createUpstreams, type Upstreams, type UpstreamsOptions } from './upstreams.ts';

const user = (id: string) => ({ kind: 'user', id }) as const;

describe('registry', () => {
  let upstreams: Upstreams;
  let changes: CatalogueChange[];
  let modern: FakeHttpUpstream;
  let legacy: FakeLegacyUpstream;

  beforeEach(async () => {
    modern = await startModernUpstream();
    legacy = await startLegacyUpstream();
    changes = [];
  });
  afterEach(async () => {
    await upstreams.close();
    await modern.close();
    await legacy.close();
  });

  const start = (declared: readonly Upstream[], options: Partial<UpstreamsOptions> = {}): Upstreams => {
    upstreams = createUpstreams({
      upstreams: declared,
      credentialOf: () => noCredential,
      findProvider: () => assert.fail('no upstream here has a provider'),
      references: () => ({ env: () => undefined, vault: async () => undefined }),
      log: silent,
      clientInfo: identity.clientInfo,
      ...options,
    });
    upstreams.onChange((change) => changes.push(change));
    return upstreams;
  };
  const onModern = (more: Partial<HttpUpstream> = {}) => httpUpstream(modern.url, { name: 'modern', ...more });
  const onLegacy = (more: Partial<HttpUpstream> = {}) => httpUpstream(legacy.url, { name: 'legacy', ...more });
  const stateOf = (name: string) => upstreams.status().find((status) => status.name === name)!;
  const ready = (name: string) => until(() => stateOf(name)?.state === 'ready', `${name} to be ready`);
  const call = async (name: string, tool: string, args: object = {}, changes_: Parameters<typeof toolCall>[3] = {}) => {
    const connection = await upstreams.shared(name);
    return exchange(connection, toolCall(1, tool, args, { modern: connection.revision === '2026-07-28', ...changes_ }));
  };

  test('enabled upstreams come up by themselves, with their catalogues in memory', async () => {
    start([onModern(), onLegacy(), onModern({ name: 'off', enabled: false })]);
    assert.equal(stateOf('modern').state, 'starting');
    await Promise.all([ready('modern'), ready('legacy')]);
    const status = stateOf('modern');
    assert.deepEqual(
      [status.revision, status.tools, status.prompts, status.resources, status.resourceTemplates],
      ['2026-07-28', 6, 1, 2, 1],
    );
    assert.equal(stateOf('legacy').revision, '2025-11-25');
    assert.equal(upstreams.catalogue('modern')?.tools.length, 6);
    assert.deepEqual(changes.map(({ upstream, what }) => `${upstream} ${what}`).sort(), ['legacy all', 'modern all']);
    assert.equal(stateOf('off').state, 'disabled');
    await assert.rejects(upstreams.shared('off'), { code: 'upstream_unavailable' });
    await assert.rejects(upstreams.shared('nobody'), { code: 'not_found' });
  });

  test('however many callers wait, an upstream is connected to and listed once', async () => {
    start([onLegacy()]);
    await Promise.all([...Array(50)].flatMap(() => [upstreams.shared('legacy'), upstreams.loadCatalogue('legacy')]));
    await sleep(100);
    assert.equal(legacy.calls('initialize').length, 1);
    assert.equal(legacy.calls('tools/list').length, 1);
  });

  test('a dead upstream and a hanging one delay nobody else, and are shown as failed', async () => {
    const dead = httpUpstream('http://127.0.0.1:1/', { name: 'dead' });
    const hanging = await startModernUpstream();
    hanging.faults.push({ kind: 'hang', on: () => true, times: 1000 });
    start([dead, httpUpstream(hanging.url, { name: 'hanging', timeoutMs: 300 }), onModern()]);
    await ready('modern');
    assert.equal((await call('modern', 'echo')).error, undefined);
    await until(() => stateOf('dead').state === 'failed' && stateOf('hanging').state === 'failed');
    assert.equal(stateOf('dead').lastError?.code, 'upstream_unavailable');
    assert.equal(stateOf('hanging').lastError?.code, 'upstream_timeout');
    await assert.rejects(upstreams.shared('dead'), { code: 'upstream_unavailable' });
    await hanging.close();
  });

  test('an upstream that comes back is used again without anybody asking', async () => {
    await legacy.stop();
    start([onLegacy()]);
    await until(() => stateOf('legacy').state === 'failed');
    await legacy.restart();
    await ready('legacy');
    assert.equal(stateOf('legacy').lastError, undefined);
  });

  test('an announced change reloads the list, in both eras; only a real change is told on', async () => {
    start([onModern(), onLegacy()]);
    await Promise.all([ready('modern'), ready('legacy')]);
    for (const [name, fake] of [
      ['modern', modern],
      ['legacy', legacy],
    ] as const) {
      changes.length = 0;
      await until(() =>
        fake.received.some(({ method, message }) => method === 'GET' || message?.method === 'subscriptions/listen'),
      );
      await sleep(20);
      const lists = fake.calls('tools/list').length;
      fake.announce('notifications/tools/list_changed');
      await until(() => fake.calls('tools/list').length > lists);
      await sleep(50);
      assert.deepEqual(changes, [], 'nothing had changed');
      fake.behaviour.tools.pop();
      fake.announce('notifications/tools/list_changed');
      await until(() => changes.length > 0);
      assert.deepEqual(changes, [{ upstream: name, what: 'tools' }]);
      assert.equal(upstreams.catalogue(name)?.tools.length, 5);
    }
  });

  test('a flood of announced changes does not become a flood of reloads', async () => {
    start([onLegacy()]);
    await ready('legacy');
    await until(() => legacy.received.some(({ method }) => method === 'GET'));
    await sleep(20);
    const before = legacy.calls('tools/list').length;
    for (let i = 0; i < 500; i++) legacy.announce('notifications/tools/list_changed');
    await sleep(300);
    assert.ok(legacy.calls('tools/list').length - before <= 2);
  });

  test('the catalogue is asked for again by the clock', async () => {
    start([onModern()], { refreshMs: 300 });
    await ready('modern');
    modern.behaviour.tools.pop();
    await until(() => upstreams.catalogue('modern')?.tools.length === 5);
  });

  test('a list that fails is shown in the status, and the previous one stays', async () => {
    start([onModern()]);
    await ready('modern');
    modern.behaviour.errors.set('tools/list', { code: -32603, message: 'down' });
    upstreams.refresh('modern');
    await until(() => stateOf('modern').failedLists.length > 0);
    assert.equal(stateOf('modern').failedLists[0]!.list, 'tools');
    assert.equal(stateOf('modern').tools, 6);
    assert.equal(upstreams.catalogue('modern')?.tools.length, 6);
  });

  test('server messages of a shared connection are handed on; its requests are answered with -32601', async () => {
    const heard: string[] = [];
    start([onLegacy()]);
    upstreams.onServerMessage(({ upstream, message }) =>
      heard.push(`${upstream} ${'method' in message ? message.method : ''}`),
    );
    await ready('legacy');
    await until(() => legacy.received.some(({ method }) => method === 'GET'));
    await sleep(20);
    legacy.announce('notifications/resources/updated', { uri: 'test://one' });
    legacy.sendRaw({ jsonrpc: '2.0', id: 77, method: 'roots/list' });
    await until(() => heard.length > 0 && legacy.received.some(({ message }) => message?.id === 77));
    assert.deepEqual(heard, ['legacy notifications/resources/updated']);
    assert.equal(legacy.received.find(({ message }) => message?.id === 77)!.message.error.code, -32601);
  });

  test('an upstream that keeps failing is left alone, and comes back by itself', async () => {
    start([onModern()]);
    await ready('modern');
    modern.faults.push({ kind: 'status', status: 503, times: 5 });
    for (let i = 0; i < 5; i++) assert.equal((await call('modern', 'echo')).error?.code, 'upstream_unavailable');
    assert.equal(stateOf('modern').state, 'open-breaker');
    const sent = modern.calls('tools/call').length;
    assert.match((await call('modern', 'echo')).error!.message, /5 times in a row/);
    assert.equal(modern.calls('tools/call').length, sent);
    await ready('modern');
    assert.equal((await call('modern', 'echo')).error, undefined);
  });

  test('errors of callers do not count against an upstream', async () => {
    start([onModern()]);
    await ready('modern');
    modern.faults.push({ kind: 'status', status: 401, times: 10 });
    for (let i = 0; i < 10; i++) await call('modern', 'echo');
    assert.equal(stateOf('modern').state, 'ready');
  });

  test('with a credential per person: own connection and catalogue, and nothing is sent with it but on their call', async () => {
    const credentialOf: UpstreamsOptions['credentialOf'] = (_upstream, owner) => {
      if (owner === undefined || owner.id === 'usr_none') throw new AppError('upstream_credential_missing');
      return bearer(owner.id);
    };
    start([onLegacy({ auth: { kind: 'headers-per-user', names: ['Authorization'] } })], {
      credentialOf,
      refreshMs: 200,
    });
    await ready('legacy');
    assert.equal(legacy.received.length, 0, 'the probe is a bare connection');
    assert.equal(upstreams.catalogue('legacy'), undefined);
    await assert.rejects(upstreams.shared('legacy'), { code: 'upstream_credential_missing' });
    await assert.rejects(upstreams.loadCatalogue('legacy', user('usr_none')), { code: 'upstream_credential_missing' });
    const catalogue = await upstreams.loadCatalogue('legacy', user('usr_a'));
    assert.equal(upstreams.catalogue('legacy', user('usr_a')), catalogue);
    assert.equal(upstreams.catalogue('legacy', user('usr_b')), undefined);
    await upstreams.loadCatalogue('legacy', user('usr_b'));
    const [a, b] = await Promise.all([
      upstreams.shared('legacy', user('usr_a')),
      upstreams.shared('legacy', user('usr_b')),
    ]);
    assert.notEqual(a, b);
    const sent = legacy.received.length;
    await sleep(500);
    assert.equal(
      legacy.received.length,
      sent,
      'no refresh and no stream with the credential of a person who does nothing',
    );
    assert.deepEqual(
      new Set(legacy.received.map(({ headers }) => headers.authorization)),
      new Set(['Bearer usr_a', 'Bearer usr_b']),
    );
  });

  test('a changed credential replaces the connection that was opened with the old one', async () => {
    let token = 'old';
    start([onLegacy({ auth: { kind: 'headers', names: ['Authorization'] } })], { credentialOf: () => bearer(token) });
    await ready('legacy');
    token = 'new';
    const before = await upstreams.shared('legacy');
    upstreams.credentialChanged('legacy');
    const after = await upstreams.shared('legacy');
    assert.notEqual(before, after);
    assert.equal(legacy.calls('initialize').at(-1)!.headers.authorization, 'Bearer new');
  });

  test('a missing shared credential is shown, and the upstream comes up once it is stored', async () => {
    let stored = false;
    const credentialOf: UpstreamsOptions['credentialOf'] = () => {
      if (!stored) throw new AppError('upstream_credential_missing', 'Store it.');
      return bearer('x');
    };
    start([onModern({ auth: { kind: 'headers', names: ['Authorization'] } })], { credentialOf });
    await until(() => stateOf('modern').lastError?.code === 'upstream_credential_missing');
    assert.equal(modern.received.length, 0);
    stored = true;
    upstreams.credentialChanged('modern');
    await ready('modern');
  });

  test('a reload touches only what changed, and calls under way finish', async () => {
    start([onModern(), onLegacy()]);
    await Promise.all([ready('modern'), ready('legacy')]);
    const kept = await upstreams.shared('modern');
    const { sink, done } = recordingSink();
    (await upstreams.shared('legacy')).exchange(toolCall(1, 'wait'), sink);
    await until(() => legacy.calls('tools/call').length === 1);
    await upstreams.replace([onModern({ timeoutMs: 1234, maxConcurrent: 1 }), onLegacy({ url: `${legacy.url}?v=2` })]);
    assert.equal(await upstreams.shared('modern'), kept, 'limits change in place');
    await ready('legacy');
    assert.ok(legacy.calls('initialize').some(({ path }) => path.endsWith('?v=2')));
    legacy.behaviour.release();
    assert.equal((await done).messages[0].result.content[0].text, 'released');
    await upstreams.replace([onModern({ timeoutMs: 1234, maxConcurrent: 1 })]);
    await assert.rejects(upstreams.shared('legacy'), { code: 'not_found' });
    assert.equal(upstreams.catalogue('legacy'), undefined);
    const first = exchange(kept, toolCall(1, 'wait', {}, { modern: true }));
    await until(() => modern.calls('tools/call').length === 1);
    assert.equal((await call('modern', 'echo')).error?.code, 'upstream_busy', 'the new limit holds');
    modern.behaviour.release();
    await first;
  });

  test("a client session's own connection is its own, and ends with it", async () => {
    start([onLegacy()]);
    await ready('legacy');
    const options = {
      credential: noCredential,
      clientInfo: { name: 'c' },
      clientCapabilities: { roots: {} },
      revision: '2025-06-18',
    } as const;
    const own = await upstreams.open('legacy', options);
    assert.equal(own.shared, false);
    assert.equal(legacy.sessions.size, 2);
    assert.deepEqual(legacy.calls('initialize').at(-1)!.message.params, {
      protocolVersion: '2025-06-18',
      capabilities: { roots: {} },
      clientInfo: { name: 'c' },
    });
    await own.close();
    assert.equal(legacy.sessions.size, 1);
    const other = await upstreams.open('legacy', options);
    const told = new Promise<string>((resolve) => other.onClosed(({ code }) => resolve(code)));
    await upstreams.replace([]);
    assert.equal(await told, 'upstream_unavailable', 'a session whose upstream is removed hears of it');
  });

  test('a stdio program that crashes is started again, with growing pauses', async () => {
    start([stdioUpstream(['--exit-after=1'], { name: 'program' })]);
    await ready('program');
    assert.equal((await call('program', 'echo')).error?.code, 'upstream_unavailable');
    assert.equal(stateOf('program').state, 'failed');
    assert.equal(upstreams.catalogue('program')?.tools.length, 9, 'the last known catalogue stays');
    await assert.rejects(upstreams.shared('program'), { code: 'upstream_unavailable', message: /exited with code 4/ });
    await ready('program');
    await upstreams.shared('program');
  });

  test('closing ends everything, also what is under way', async () => {
    start([onLegacy(), stdioUpstream([], { name: 'program' })]);
    await Promise.all([ready('legacy'), ready('program')]);
    const pending = [call('legacy', 'wait'), call('program', 'wait')];
    await until(() => legacy.calls('tools/call').length === 1);
    await upstreams.close();
    for (const answer of await Promise.all(pending)) assert.equal(answer.error?.code, 'upstream_unavailable');
    assert.equal(legacy.sessions.size, 0);
  });
});
