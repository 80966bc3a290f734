import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { oauthSettings } from '../../test/fakes/oauth-settings.ts';
import { bearer, httpUpstream, identity, noCredential, silent, stdioUpstream } from '../../test/fakes/upstream-call.ts';
import type { FakeHttpUpstream } from '../../test/fakes/upstream-http.ts';
import { startLegacyUpstream } from '../../test/fakes/upstream-legacy.ts';
import { startModernUpstream } from '../../test/fakes/upstream-modern.ts';
import { startSseUpstream } from '../../test/fakes/upstream-sse.ts';
import { AppError } from '../errors/app-error.ts';
import type { Upstream } from '../model/upstream.ts';
import { type TestOptions, testUpstream } from './test-upstream.ts';

const run = (upstream: Upstream, options: Partial<TestOptions> = {}) =>
  testUpstream(upstream, {
    owner: undefined,
    identity,
    log: silent,
    references: { env: () => undefined, vault: async () => undefined },
    credentialOf: () => noCredential,
    findProvider: async () => 'It was found.',
    observe: () => {},
    ...options,
  });
const stages = ({ stages: all }: Awaited<ReturnType<typeof run>>) =>
  all.map(({ stage, ok }) => `${stage} ${ok ? 'ok' : 'failed'}`);

describe('upstream test', () => {
  let fake: FakeHttpUpstream;
  beforeEach(async () => {
    fake = await startModernUpstream();
  });
  afterEach(() => fake.close());

  test('everything that is right is said, on every transport', async () => {
    const legacy = await startLegacyUpstream();
    const sse = await startSseUpstream();
    const http = await run(httpUpstream(fake.url));
    assert.deepEqual(stages(http), ['reachability ok', 'credential ok', 'era ok', 'handshake ok', 'lists ok']);
    assert.deepEqual([http.ok, http.revision, http.counts?.tools], [true, '2026-07-28', 6]);
    assert.equal((await run(httpUpstream(legacy.url))).revision, '2025-11-25');
    assert.equal((await run(httpUpstream(sse.url, { transport: 'sse' }))).revision, '2024-11-05');
    assert.equal((await run(stdioUpstream([]))).ok, true);
    await legacy.close();
    await sse.close();
  });

  test('every fault is named at its stage, with what to change', async () => {
    const missing = () => {
      throw new AppError('upstream_credential_missing', 'Nothing is stored.');
    };
    const rows: [Upstream, Partial<TestOptions>, string, RegExp][] = [
      [httpUpstream('http://127.0.0.1:1/mcp'), {}, 'reachability failed', /Nothing listens there/],
      [httpUpstream('http://no-such-host.invalid/mcp'), {}, 'reachability failed', /no address|No way/],
      [httpUpstream(fake.url), { credentialOf: missing }, 'credential failed', /toolgate upstream credential fake/],
      [httpUpstream(fake.url.replace('http:', 'https:')), {}, 'handshake failed', /TLS failed|breaks connections/],
      [stdioUpstream([], { command: ['/no/such/program'] }), {}, 'handshake failed', /full path of `command`/],
    ];
    for (const [upstream, options, last, advice] of rows) {
      const report = await run(upstream, options);
      assert.equal(report.ok, false);
      assert.equal(stages(report).at(-1), last);
      assert.match(report.stages.at(-1)!.advice ?? '', advice);
    }
  });

  test('a wrong path and a refused credential are explained', async () => {
    fake.faults.push({ kind: 'status', status: 404, on: () => true, times: 2 });
    assert.match((await run(httpUpstream(fake.url))).stages.at(-1)!.advice!, /path of the URL/);
    fake.faults.push({ kind: 'status', status: 401, on: () => true });
    const refused = await run(httpUpstream(fake.url), { credentialOf: () => bearer('canary-token') });
    assert.match(refused.stages.at(-1)!.advice!, /another credential/);
    assert.doesNotMatch(JSON.stringify(refused), /canary-token/);
  });

  test('a failing list fails the test, and left-out entries are shown', async () => {
    fake.behaviour.tools.push({ definition: { name: 'not a name', inputSchema: {} }, call: () => ({}) });
    const report = await run(httpUpstream(fake.url));
    assert.match(report.stages.at(-1)!.detail, /"not a name" in tools/);
    fake.behaviour.errors.set('prompts/list', { code: 1, message: 'no prompts today' });
    const failed = await run(httpUpstream(fake.url));
    assert.deepEqual([failed.ok, stages(failed).at(-1)], [false, 'lists failed']);
  });

  test('with a credential per person only reachability is tried, unless a person is named', async () => {
    const upstream = httpUpstream(fake.url, { auth: { kind: 'headers-per-user', names: ['Authorization'] } });
    assert.deepEqual(stages(await run(upstream)), ['reachability ok']);
    assert.equal(fake.received.length, 0);
    const named = await run(upstream, {
      owner: { kind: 'user', id: 'usr_a' },
      credentialOf: (_u, owner) => bearer(owner!.id),
    });
    assert.equal(named.ok, true);
    assert.ok(fake.received.every(({ headers }) => headers.authorization === 'Bearer usr_a'));
  });

  test('where everybody gets a token of their own without connecting, its provider is found before the first call', async () => {
    const auth = { kind: 'token-exchange', oauth: oauthSettings() } as const;
    const report = await run(httpUpstream(fake.url, { auth }));
    assert.deepEqual(stages(report), ['reachability ok', 'provider ok']);
  });

  test('of accounts the provider is found before anybody has connected one', async () => {
    const auth = { kind: 'oauth-per-user', oauth: oauthSettings() } as const;
    const upstream = httpUpstream(fake.url, { auth });
    assert.deepEqual(stages(await run(upstream)), ['reachability ok', 'provider ok']);
    const out = Object.assign(new Error('no'), { code: 'address_not_allowed' });
    const failing = await run(upstream, {
      findProvider: () => Promise.reject(new AppError('upstream_unavailable', 'Not there.', { cause: out })),
    });
    assert.deepEqual(stages(failing), ['reachability ok', 'provider failed']);
    assert.match(failing.stages[1]!.advice!, /reach: internal/);
    const required = () => Promise.reject(new AppError('connection_required', 'Not yet.'));
    const shared = httpUpstream(fake.url, { auth: { ...auth, kind: 'oauth-shared' } });
    const report = await run(shared, { credentialOf: required });
    assert.deepEqual(stages(report), ['reachability ok', 'provider ok', 'credential failed']);
    assert.equal(report.stages[2]!.advice, 'Connect it: toolgate connection connect fake --shared');
  });
});
