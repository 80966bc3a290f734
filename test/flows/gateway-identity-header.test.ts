/** `identityHeader`: an upstream that asks is told who calls, in words of the gateway that nobody else can say. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, modernClient, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

type Name = 'ann' | 'robot';
let fakes: Record<'legacy' | 'modern', FakeHttpUpstream>;
let gateway: PeopledGateway<Name>;

before(async () => {
  fakes = { legacy: await startLegacyUpstream(), modern: await startModernUpstream() };
  gateway = await startWithPeople({
    people: {
      ann: { roles: ['full-access'], secrets: {} },
      robot: { kind: 'service_account', roles: ['full-access'], secrets: {} },
    },
    config: {
      upstreams: [
        { name: 'legacy', url: fakes.legacy.url, identityHeader: 'X-Caller' },
        {
          name: 'modern',
          url: `${fakes.modern.url}?tenant=7`,
          identityHeader: 'X-Caller',
          forwardHeaders: ['x-request-id'],
        },
        { name: 'plain', url: fakes.modern.url },
      ],
    },
  });
});
after(async () => {
  for (const fake of Object.values(fakes)) await fake.close();
  await gateway.close();
});

const lastCall = (fake: FakeHttpUpstream) => fake.calls('tools/call').at(-1)!.headers;

for (const upstream of ['legacy', 'modern'] as const) {
  for (const era of ['legacy', 'modern'] as const) {
    test(`a ${upstream} upstream is told who of the people calls through a ${era} client, and can verify it`, async () => {
      const keys = createRemoteJWKSet(new URL(`${gateway.url}/oauth/jwks`));
      for (const name of ['ann', 'robot'] as const) {
        const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys[name]);
        const answer = await client.request('tools/call', { name: `${upstream}__echo`, arguments: { text: name } });
        assert.equal(textOf(answer), name);
        const { payload } = await jwtVerify(String(lastCall(fakes[upstream])['x-caller']), keys, {
          issuer: gateway.url,
          audience: fakes[upstream].url,
          typ: 'toolgate-identity+jwt',
        });
        assert.deepEqual([payload.name, payload.kind], [name, name === 'ann' ? 'user' : 'service_account']);
        assert.ok(payload.exp! - Date.now() / 1000 <= 60);
      }
    });
  }
}

test('prompts, resources, completion and subscriptions tell it, too', async () => {
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.keys.ann);
  await client.request('prompts/get', { name: 'greet' });
  await client.request('resources/read', { uri: 'test://one' });
  const ref = { type: 'ref/prompt', name: 'greet' };
  await client.request('completion/complete', { ref, argument: { name: 'who', value: 'o' } });
  const stream = await client.open('subscriptions/listen', {
    notifications: { resourceSubscriptions: ['test://one'] },
  });
  const isMine = ({ message }: Any) => message.params.notifications?.resourceSubscriptions !== undefined;
  while (!fakes.modern.calls('subscriptions/listen').some(isMine)) await new Promise(setImmediate);
  stream.close();
  for (const received of [
    ...['prompts/get', 'resources/read', 'completion/complete'].map((method) => fakes.modern.calls(method).at(-1)!),
    fakes.modern.calls('subscriptions/listen').find(isMine)!,
  ]) {
    assert.equal(decodeJwt(String(received.headers['x-caller'])).name, 'ann', received.message.method);
  }
});

test('a caller cannot say that it is somebody else, in whatever case and with whatever separator', async () => {
  for (const header of ['X-Caller', 'x-caller', 'X_Caller', 'X-CALLER']) {
    const client = modernClient(`${gateway.url}/mcp`, {
      authorization: `Bearer ${gateway.keys.robot}`,
      [header]: 'canary',
    });
    await client.request('tools/call', { name: 'modern__echo', arguments: {} });
    const headers = lastCall(fakes.modern);
    assert.equal(decodeJwt(String(headers['x-caller'])).name, 'robot');
    assert.doesNotMatch(JSON.stringify(headers), /canary/);
  }
});

test('an upstream that did not ask is told nothing', async () => {
  await modernClient(`${gateway.url}/mcp`, gateway.keys.ann).request('tools/call', {
    name: 'plain__echo',
    arguments: {},
  });
  assert.equal(lastCall(fakes.modern)['x-caller'], undefined);
});

test('the statement opens nothing at the gateway itself', async () => {
  const client = modernClient(`${gateway.url}/mcp`, gateway.keys.ann);
  await client.request('tools/call', { name: 'modern__echo', arguments: {} });
  const statement = String(lastCall(fakes.modern)['x-caller']);
  const { status } = await modernClient(`${gateway.url}/mcp`, statement).request('tools/list');
  assert.equal(status, 401);
});
