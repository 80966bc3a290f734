/** A token that dies under the gateway costs its owner nothing: every method is asked once more with a new one. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { AppError } from '../../src/errors/app-error.ts';
import { openCredentials } from '../../src/upstreams/resolve-credential.ts';
import { type ConnectGateway, startConnectGateway } from '../connect-gateway.ts';
import { createRotatingTokens, type RotatingTokens } from '../fakes/rotating-tokens.ts';
import { text } from '../fakes/upstream-behaviour.ts';
import { until } from '../fakes/upstream-call.ts';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, legacyClient, modernClient, type TestClient, textOf } from '../mcp-client.ts';

let tokens: RotatingTokens;
let fakes: { legacy: FakeLegacyUpstream; modern: FakeHttpUpstream };
let gateway: ConnectGateway<'ann' | 'bob'>;

beforeEach(async () => {
  tokens = createRotatingTokens();
  fakes = {
    legacy: await startLegacyUpstream({ guard: tokens.guard }),
    modern: await startModernUpstream({ guard: tokens.guard }),
  };
  const credentials = openCredentials({
    vault: { get: async () => null, onChange: () => () => {} },
    connections: tokens,
    machine: tokens,
  });
  gateway = await startConnectGateway({
    people: { ann: {}, bob: {} },
    upstreams: { legacy: fakes.legacy.url, modern: fakes.modern.url },
    credentialOf: credentials.of,
  });
});

afterEach(async () => {
  await gateway.close();
  for (const fake of Object.values(fakes)) await fake.close();
});

const STEPS: readonly (readonly [method: string, params: Any, check: (result: Any) => void])[] = [
  ['tools/call', { name: 'echo', arguments: { text: 'hi' } }, (result) => assert.equal(result.content[0].text, 'hi')],
  ['prompts/get', { name: 'greet' }, (result) => assert.match(result.messages[0].content.text, /^Hello/)],
  ['resources/read', { uri: 'test://one' }, (result) => assert.equal(result.contents[0].text, 'content of test://one')],
  [
    'completion/complete',
    { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'who', value: 'o' } },
    (result) => assert.deepEqual(result.completion.values, ['one', 'two']),
  ],
];

for (const upstream of ['legacy', 'modern'] as const) {
  describe(`a ${upstream} upstream whose tokens die`, () => {
    const mount = () => `${gateway.url}/mcp/${upstream}`;

    for (const era of ['legacy', 'modern'] as const) {
      test(`every request of a ${era} client is answered, and reaches the upstream once`, async () => {
        const client = await clientOf(era, mount(), gateway.keys.ann);
        await client.request('tools/list');
        for (const [method, params, check] of STEPS) {
          tokens.expire();
          const before = tokens.renewals.length;
          const { message, body } = await client.request(method, params);
          assert.ok(message?.result !== undefined, `${method}: ${body}`);
          check(message.result);
          assert.equal(tokens.accepted.filter((one) => one.message?.method === method).length, 1, method);
          assert.ok(tokens.renewals.length > before, method);
        }
        assert.ok(tokens.renewals.every(({ owner }) => owner === gateway.idOf('ann')));
        assert.ok(
          Object.values(fakes).every(({ received }) => received.every((one) => tokens.ownerOf(one) === 'usr_ann')),
        );
      });
    }

    test('an upstream that was never reached is found and listed with a token that had died before', async () => {
      // The gateway keeps the token of its first look; all that it does after must come with a new one.
      await gateway.gateway.connected({ upstream, principalId: gateway.idOf('ann') });
      tokens.expire();
      const { message } = await modernClient(mount(), gateway.keys.ann).request('tools/list');
      assert.ok(message.result.tools.some(({ name }: Any) => name === 'echo'));
    });

    test('of two attempts the second counts: a token that is refused again fails the call, once', async () => {
      const client = modernClient(mount(), gateway.keys.ann);
      await client.request('tools/list');
      const before = fakes[upstream].received.length;
      tokens.refusesAll = true;
      tokens.expire();
      const call = { name: 'echo', arguments: { text: 'hi' } };
      const { message } = await client.request('tools/call', call);
      assert.match(JSON.stringify(message), /refuses a token that was just renewed/);
      assert.deepEqual([fakes[upstream].received.length - before, tokens.renewals.length], [2, 1]);
      // Now there is no newer one, so it is not sent again either.
      assert.match(JSON.stringify((await client.request('tools/call', call)).message), /as new as can be/);
      assert.deepEqual([fakes[upstream].received.length - before, tokens.renewals.length], [3, 2]);
    });

    test('a scope that is missing is asked for, and what else is forbidden is not', async () => {
      const client = modernClient(mount(), gateway.keys.ann);
      await client.request('tools/list');
      const answers = [
        'Bearer error="insufficient_scope", scope="files:read files:write", resource_metadata="https://m.example/m"',
        'Bearer error="access_denied"',
      ];
      tokens.refuse = (_received, res) => {
        res.writeHead(403, { 'www-authenticate': answers.shift() ?? 'Bearer' }).end();
        return true;
      };
      tokens.expire();
      const call = { name: 'echo', arguments: { text: 'hi' } };
      assert.equal(textOf(await client.request('tools/call', call)), 'hi');
      assert.deepEqual(
        tokens.renewals.map(({ challenge }) => challenge),
        [
          {
            status: 403,
            error: 'insufficient_scope',
            scopes: ['files:read', 'files:write'],
            resourceMetadata: 'https://m.example/m',
          },
        ],
      );
      tokens.expire();
      const { message } = await client.request('tools/call', call);
      assert.match(JSON.stringify(message), /refused the credential that the gateway sent \(HTTP 403\)/);
      assert.equal(tokens.renewals.length, 1);
    });

    test('what a renewal is refused with is what the caller is told', async () => {
      const client = modernClient(mount(), gateway.keys.ann);
      await client.request('tools/list');
      tokens.refusal = new AppError('upstream_unavailable', 'The provider is down.');
      tokens.expire();
      const { message } = await client.request('tools/call', { name: 'echo', arguments: { text: 'hi' } });
      assert.match(JSON.stringify(message), /The provider is down\./);
    });

    test('neither the token nor the one before it comes back in an answer', async () => {
      fakes[upstream].behaviour.tools.push({
        definition: { name: 'tell', inputSchema: { type: 'object' } },
        call: () => text(`now and before: ${tokens.tokensOf('usr_ann').join(', ')}`),
      });
      const client = modernClient(mount(), gateway.keys.ann);
      await client.request('tools/list');
      for (let round = 0; round < 3; round++) {
        tokens.expire();
        const answer = await client.request('tools/call', { name: 'tell', arguments: {} });
        assert.equal(textOf(answer), 'now and before: [redacted], [redacted]');
      }
    });

    test('sessions and sockets outlive their token', async () => {
      const clients: TestClient[] = [
        await legacyClient(mount(), gateway.keys.ann),
        modernClient(mount(), gateway.keys.ann),
      ];
      const call = async (): Promise<void> => {
        for (const client of clients) {
          assert.equal(textOf(await client.request('tools/call', { name: 'echo', arguments: { text: 'hi' } })), 'hi');
        }
      };
      await call();
      const { connections } = fakes[upstream];
      const sessions = [...fakes.legacy.sessions];
      for (let round = 0; round < 5; round++) {
        tokens.expire();
        await call();
      }
      assert.deepEqual([...fakes.legacy.sessions], sessions);
      assert.equal(fakes[upstream].connections, connections);
    });
  });
}

test('the tokens of two people whose calls are renewed at the same time are never mixed up', async () => {
  const clients = {
    ann: modernClient(`${gateway.url}/mcp`, gateway.keys.ann),
    bob: modernClient(`${gateway.url}/mcp`, gateway.keys.bob),
  };
  for (const client of Object.values(clients)) await client.request('tools/list');
  for (let round = 0; round < 10; round++) {
    tokens.expire();
    const calls = Object.entries(clients).flatMap(([name, client]) =>
      ['legacy', 'modern'].map(async (upstream) => {
        const answer = await client.request('tools/call', {
          name: `${upstream}__late`,
          arguments: { text: `usr_${name}` },
        });
        assert.equal(textOf(answer), `usr_${name}`);
      }),
    );
    await Promise.all(calls);
  }
  const mixed = tokens.accepted.filter(
    (one) => one.message?.params?.name === 'late' && one.message.params.arguments.text !== tokens.ownerOf(one),
  );
  assert.deepEqual(mixed, []);
});

describe('what a legacy session sends beside requests', () => {
  test('notifications, answers to the upstream and the end of the session come with a new token', async () => {
    const client = await legacyClient(`${gateway.url}/mcp/legacy`, gateway.keys.ann, {
      capabilities: { sampling: {} },
    });
    const asking = await client.open('tools/call', { name: 'ask', arguments: {} });
    const question = await asking.find(({ method }) => method === 'sampling/createMessage');
    tokens.expire();
    assert.equal((await client.respond(question.id, { role: 'assistant' })).status, 202);
    const answer = await asking.find(({ result }) => result !== undefined);
    assert.match(answer.result.content[0].text, /assistant/);

    tokens.expire();
    await client.notify('notifications/roots/list_changed');
    await until(() => tokens.accepted.some(({ message }) => message?.method === 'notifications/roots/list_changed'));

    tokens.expire();
    const before = fakes.legacy.sessions.size;
    await client.end();
    await until(() => fakes.legacy.sessions.size === before - 1);
  });

  test('the stream of messages opens with a new token', async () => {
    const client = await legacyClient(`${gateway.url}/mcp/legacy`, gateway.keys.ann);
    await client.request('tools/call', { name: 'echo', arguments: { text: 'hi' } });
    tokens.expire();
    const stream = await client.listen();
    await until(() => tokens.accepted.some(({ method }) => method === 'GET'));
    fakes.legacy.announce('notifications/message', { level: 'info', data: 'hello' });
    const heard = await stream.find(({ method }) => method === 'notifications/message');
    assert.equal(heard.params.data, 'hello');
    stream.close();
  });
});

test('a subscription to a modern upstream opens with a new token', async () => {
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.keys.ann);
  await client.request('tools/list');
  tokens.expire();
  const stream = await client.open('subscriptions/listen', {
    notifications: { resourceSubscriptions: ['test://one'] },
  });
  await until(() => tokens.accepted.some(({ message }) => message?.method === 'subscriptions/listen'));
  fakes.modern.announce('notifications/resources/updated', { uri: 'test://one' });
  const heard = await stream.find(({ method }) => method === 'notifications/resources/updated');
  assert.equal(heard.params.uri, 'test://one');
  stream.close();
});
