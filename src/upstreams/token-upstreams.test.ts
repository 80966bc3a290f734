/** Upstreams with tokens in the registry: what is sent without anybody calling, and with whose token. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { oauthSettings } from '../../test/fakes/oauth-settings.ts';
import { createRotatingTokens, type RotatingTokens } from '../../test/fakes/rotating-tokens.ts';
import { httpUpstream, identity, silent, until } from '../../test/fakes/upstream-call.ts';
import type { FakeHttpUpstream } from '../../test/fakes/upstream-http.ts';
import { startLegacyUpstream } from '../../test/fakes/upstream-legacy.ts';
import { startModernUpstream } from '../../test/fakes/upstream-modern.ts';
import { AppError } from '../errors/app-error.ts';
import type { UpstreamOauthAuth } from '../model/upstream.ts';
import { openCredentials } from './resolve-credential.ts';
import { createUpstreams, type Upstreams, type UpstreamsOptions } from './upstreams.ts';

let tokens: RotatingTokens;
let fakes: readonly FakeHttpUpstream[];
let upstreams: Upstreams;

beforeEach(async () => {
  tokens = createRotatingTokens();
  const { guard } = tokens;
  fakes = [await startLegacyUpstream({ guard }), await startModernUpstream({ guard })];
});
afterEach(async () => {
  await upstreams.close();
  for (const fake of fakes) await fake.close();
});

const start = (kinds: readonly UpstreamOauthAuth['kind'][], options: Partial<UpstreamsOptions> = {}): void => {
  const { of: credentialOf, references } = openCredentials({
    vault: { get: async () => null, onChange: () => () => {} },
    connections: tokens,
    machine: tokens,
  });
  upstreams = createUpstreams({
    upstreams: kinds.flatMap((kind) =>
      fakes.map(({ url }, index) =>
        httpUpstream(url, { name: `${kind}-${index}`, auth: { kind, oauth: oauthSettings() } }),
      ),
    ),
    credentialOf,
    findProvider: () => assert.fail('nobody tests an upstream here'),
    references,
    log: silent,
    clientInfo: identity.clientInfo,
    ...options,
  });
};
const states = (): string[] => upstreams.status().map(({ state }) => state);

test('where everybody has their own account, the look whether an upstream is there carries nobody’s token', async () => {
  const asked: unknown[] = [];
  start(['oauth-per-user', 'token-exchange'], {
    credentialOf: (_upstream, owner) => assert.fail(`${asked.push(owner)}`),
  });
  await until(() => states().every((state) => state === 'ready'));
  for (const { name } of upstreams.status()) upstreams.refresh(name);
  await until(() => fakes.every(({ connections }) => connections >= 2));
  assert.deepEqual([asked, ...fakes.map(({ received }) => received)], [[], [], []]);
});

test('a shared account comes up by itself, and goes on when its token dies: lists, streams and reloads', async () => {
  start(['oauth-shared', 'client-credentials']);
  await until(() => states().every((state) => state === 'ready'));
  const streams = () =>
    tokens.accepted.filter(({ method, message }) => method === 'GET' || message?.method === 'subscriptions/listen')
      .length;
  await until(() => streams() === 4);
  for (const fake of fakes) {
    tokens.expire();
    const loads = () => tokens.accepted.filter(({ message }) => message?.method === 'tools/list').length;
    const before = loads();
    fake.behaviour.tools.push({ definition: { name: 'added', inputSchema: {} }, call: () => ({}) });
    // The streams were opened with a token that is dead now, and still speak.
    fake.announce('notifications/tools/list_changed');
    await until(() => loads() >= before + 2);
  }
  await until(() =>
    upstreams.status().every(({ name }) => upstreams.catalogue(name)?.tools.some((tool) => tool.name === 'added')),
  );
  assert.ok(tokens.renewals.every(({ owner }) => owner === 'everybody'));
});

test('a shared account that is connected only now is used at once', async () => {
  let connected = false;
  const { of } = tokens;
  tokens.of = (upstream, owner) =>
    connected
      ? of(upstream, owner)
      : Promise.reject(new AppError('connection_required', 'An administrator connects it.'));
  start(['oauth-shared']);
  await until(() => states().every((state) => state === 'failed'));
  assert.equal(upstreams.status()[0]!.lastError?.code, 'connection_required');
  await assert.rejects(upstreams.shared('oauth-shared-0'), { code: 'connection_required' });
  assert.deepEqual(
    fakes.flatMap(({ received }) => received),
    [],
  );
  connected = true;
  for (const { name } of upstreams.status()) upstreams.credentialChanged(name);
  await until(() => states().every((state) => state === 'ready'));
});
