/** `headers-per-user`: everybody's own credential for everything they do, and a clear word to who has none. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream, Received } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, legacyClient, listAll, modernClient, type TestClient, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

type Name = 'ann' | 'bob' | 'robot' | 'none';
const PEOPLE: readonly Name[] = ['ann', 'bob', 'robot'];
let fakes: Record<'modern' | 'legacy', FakeHttpUpstream>;
let gateway: PeopledGateway<Name>;

const tokenOf = (name: string, upstream: string): string => `Bearer token-of-${name}-for-${upstream}`;
const secretsOf = (name: string) =>
  Object.fromEntries(
    ['modern', 'legacy'].map((upstream) => [
      upstream,
      { Authorization: tokenOf(name, upstream), 'X-Account': `account-of-${name}` },
    ]),
  );

before(async () => {
  fakes = { modern: await startModernUpstream(), legacy: await startLegacyUpstream() };
  const auth = { headersPerUser: ['Authorization', 'X-Account'] };
  gateway = await startWithPeople({
    people: {
      ann: { roles: ['full-access'], secrets: secretsOf('ann') },
      bob: { roles: ['full-access'], secrets: secretsOf('bob') },
      robot: { kind: 'service_account', roles: ['full-access'], secrets: secretsOf('robot') },
      none: { roles: ['full-access'] },
    },
    config: {
      upstreams: [
        { name: 'modern', url: fakes.modern.url, auth },
        { name: 'legacy', url: fakes.legacy.url, auth },
        { name: 'shared', url: fakes.modern.url },
      ],
    },
  });
});

after(async () => {
  for (const fake of Object.values(fakes)) await fake.close();
  await gateway.close();
});

/** Whose request this was, by what it carried. */
function ownerOf({ headers }: Received): string {
  const name = /^account-of-(.*)$/.exec(String(headers['x-account']))?.[1] ?? 'nobody';
  const token = String(headers.authorization);
  for (const upstream of ['modern', 'legacy']) if (token === tokenOf(name, upstream)) return `${name} ${upstream}`;
  return `mixed: ${name}, ${token}`;
}

async function useEverything(client: TestClient, upstream: string, label: string): Promise<void> {
  const prefix = `${upstream}__`;
  assert.equal(
    textOf(await client.request('tools/call', { name: `${prefix}late`, arguments: { text: label } })),
    label,
  );
  assert.ok(
    (await client.request('prompts/get', { name: `${prefix}greet`, arguments: { who: label } })).message.result,
  );
  const ref = { type: 'ref/prompt', name: `${prefix}greet` };
  assert.ok(
    (await client.request('completion/complete', { ref, argument: { name: 'who', value: label } })).message.result,
  );
  assert.ok((await listAll(client, 'tools/list', 'tools')).some(({ name }) => name === `${prefix}echo`));
}

for (const era of ['modern', 'legacy'] as const) {
  test(`${era}: three people at once, on both upstreams and with every method, and no credential is ever mixed up`, {
    timeout: 60_000,
  }, async () => {
    const clients = await Promise.all(
      PEOPLE.map(async (name) => ({ name, client: await clientOf(era, `${gateway.url}/mcp`, gateway.keys[name]) })),
    );
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        clients.flatMap(({ name, client }) =>
          ['modern', 'legacy'].map((upstream) => useEverything(client, upstream, `${name} says ${round}`)),
        ),
      );
    }
    for (const [upstream, fake] of Object.entries(fakes)) {
      for (const received of fake.received) {
        const owner = ownerOf(received);
        if (owner === 'mixed: nobody, undefined') continue; // The upstream that is shared has no credential.
        assert.ok(
          PEOPLE.some((name) => owner === `${name} ${upstream}`),
          owner,
        );
        const said = /(ann|bob|robot) says/.exec(received.body)?.[1];
        if (said !== undefined) assert.equal(owner, `${said} ${upstream}`);
      }
    }
  });

  test(`${era}: who has no credential is told what is missing and whom to ask, and the rest works`, {
    timeout: 30_000,
  }, async () => {
    const before = Object.values(fakes).map(({ received }) => received.length);
    const all = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.none);
    const names = (await listAll(all, 'tools/list', 'tools')).map(({ name }): string => name);
    assert.ok(names.includes('shared__echo'));
    assert.ok(!names.some((name) => /^(modern|legacy)__/.test(name)));
    for (const upstream of ['modern', 'legacy']) {
      const { message } = await all.request('tools/call', { name: `${upstream}__echo`, arguments: {} });
      assert.equal(message.error.data.code, 'upstream_credential_missing', JSON.stringify(message));
      assert.match(message.error.message, new RegExp(`"${upstream}".*Authorization.*administrator`, 's'));
    }
    assert.equal(
      textOf(await all.request('tools/call', { name: 'shared__echo', arguments: { text: 'fine' } })),
      'fine',
    );
    assert.deepEqual(
      Object.values(fakes).map(({ received }, index) =>
        received.slice(before[index]!).filter((request) => ownerOf(request) !== 'mixed: nobody, undefined'),
      ),
      [[], []],
      'nothing went out with a credential',
    );
  });
}

test('on the mount of an upstream, a missing credential is an error and not an empty list', {
  timeout: 30_000,
}, async () => {
  for (const upstream of ['modern', 'legacy']) {
    const client = modernClient(`${gateway.url}/mcp/${upstream}`, gateway.keys.none);
    for (const method of ['tools/list', 'prompts/list', 'resources/list', 'server/discover']) {
      const { message } = await client.request(method);
      assert.equal(message.error?.data?.code, 'upstream_credential_missing', `${method}: ${JSON.stringify(message)}`);
    }
    await assert.rejects(
      legacyClient(`${gateway.url}/mcp/${upstream}`, gateway.keys.none),
      /upstream_credential_missing/,
    );
  }
});

test('a credential that is stored, changed or taken away counts from the next call', { timeout: 30_000 }, async () => {
  const client = modernClient(`${gateway.url}/mcp`, gateway.keys.none);
  const put = (value: string) =>
    gateway.admin('PUT', `/upstreams/modern/credentials/user/${gateway.ids.none}`, {
      values: { Authorization: value, 'X-Account': 'account-of-none' },
    });
  const call = () => client.request('tools/call', { name: 'modern__echo', arguments: { text: 'x' } });
  const lastAuthorization = () => fakes.modern.calls('tools/call').at(-1)!.headers.authorization;
  for (const value of [tokenOf('none', 'modern'), 'Bearer another']) {
    const stored = await put(value);
    assert.ok(stored.status < 300, JSON.stringify(stored.body));
    assert.equal(textOf(await call()), 'x');
    assert.equal(lastAuthorization(), value);
  }
  assert.ok((await listAll(client, 'tools/list', 'tools')).some(({ name }) => name === 'modern__echo'));
  const removed = await gateway.admin('DELETE', `/upstreams/modern/credentials/user/${gateway.ids.none}`);
  assert.ok(removed.status < 300, JSON.stringify(removed.body));
  assert.equal((await call()).message.error.data.code, 'upstream_credential_missing');
  assert.ok(!(await listAll(client, 'tools/list', 'tools')).some(({ name }: Any) => name === 'modern__echo'));
});

test('the catalogue of one person is not shown to another', { timeout: 30_000 }, async () => {
  const { behaviour } = fakes.modern;
  const tools = behaviour.tools;
  const fresh = await startWithPeople({
    people: {
      ann: { roles: ['full-access'], secrets: secretsOf('ann') },
      bob: { roles: ['full-access'], secrets: secretsOf('bob') },
    },
    config: {
      upstreams: [{ name: 'modern', url: fakes.modern.url, auth: { headersPerUser: ['Authorization', 'X-Account'] } }],
    },
  });
  try {
    for (const [name, own] of [
      ['ann', 'for-ann'],
      ['bob', 'for-bob'],
    ] as const) {
      behaviour.tools = [
        ...tools,
        { definition: { name: own, inputSchema: { type: 'object' } }, call: () => ({ content: [] }) },
      ];
      const client = modernClient(`${fresh.url}/mcp`, fresh.keys[name]);
      assert.ok((await listAll(client, 'tools/list', 'tools')).some((tool) => tool.name === `modern__${own}`));
    }
    for (const [name, other] of [
      ['ann', 'for-bob'],
      ['bob', 'for-ann'],
    ] as const) {
      const client = modernClient(`${fresh.url}/mcp`, fresh.keys[name]);
      assert.ok(!(await listAll(client, 'tools/list', 'tools')).some((tool) => tool.name === `modern__${other}`));
      const { message } = await client.request('tools/call', { name: `modern__${other}`, arguments: {} });
      assert.equal(message.error.code, -32602);
    }
  } finally {
    behaviour.tools = tools;
    await fresh.close();
  }
});
