/** One upstream hangs, crawls, resets or is not there at all: the others are listed and called as if nothing were. */
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type Any, clientOf, legacyClient, listAll, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

const TIMEOUT_MS = 1_500;
const STDIO = [process.execPath, new URL('../fakes/upstream-stdio.ts', import.meta.url).pathname];
let good: FakeHttpUpstream;
let goodLegacy: FakeHttpUpstream;
let wild: FakeHttpUpstream;
let wildLegacy: FakeHttpUpstream;
let silent: { readonly port: number; close(): void };
let gateway: PeopledGateway<'ann'>;

/** Accepts connections and never says a word. */
async function startSilent() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

before(async () => {
  [good, goodLegacy] = [await startModernUpstream(), await startLegacyUpstream()];
  [wild, wildLegacy] = [await startModernUpstream(), await startLegacyUpstream()];
  silent = await startSilent();
  const hole = await startSilent();
  hole.close();
  const timeoutMs = TIMEOUT_MS;
  gateway = await startWithPeople({
    people: { ann: { roles: ['full-access'], secrets: { 'silent-personal': { 'x-token': 'x' } } } },
    ready: ['good', 'good-legacy', 'wild', 'wild-legacy'],
    config: {
      upstreams: [
        // The bad ones on both sides of the good ones in the alphabet.
        { name: 'a-silent', url: `http://127.0.0.1:${silent.port}/mcp`, timeoutMs },
        { name: 'a-dead', url: `http://127.0.0.1:${hole.port}/mcp`, timeoutMs },
        { name: 'a-mute', command: [...STDIO, '--no-handshake'], timeoutMs },
        { name: 'a-broken', command: ['/no/such/program'], timeoutMs },
        { name: 'good', url: good.url },
        { name: 'good-legacy', url: goodLegacy.url },
        {
          name: 'silent-personal',
          url: `http://127.0.0.1:${silent.port}/mcp`,
          timeoutMs,
          auth: { headersPerUser: ['x-token'] },
        },
        { name: 'silent-sse', url: `http://127.0.0.1:${silent.port}/sse`, transport: 'sse', timeoutMs },
        { name: 'wild', url: wild.url, timeoutMs },
        { name: 'wild-legacy', url: wildLegacy.url, timeoutMs },
      ],
    },
  });
});

after(async () => {
  silent.close();
  for (const fake of [good, goodLegacy, wild, wildLegacy]) await fake.close();
  await gateway.close();
});

const NAMES = ['good', 'good-legacy'] as const;

for (const era of ['modern', 'legacy'] as const) {
  test(`${era}: the lists of /mcp hold the good upstreams, while the others are slow, mute or gone`, {
    timeout: 30_000,
  }, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.ann);
    for (const [method, member] of [
      ['tools/list', 'tools'],
      ['prompts/list', 'prompts'],
    ] as const) {
      const names = (await listAll(client, method, member)).map(({ name }): string => name);
      for (const name of NAMES)
        assert.ok(
          names.some((listed) => listed.startsWith(`${name}__`)),
          `${names}`,
        );
    }
    const uris = (await listAll(client, 'resources/list', 'resources')).map(({ uri }) => uri);
    assert.ok(uris.includes('test://one'));
  });

  test(`${era}: a call to a good upstream overtakes every call that hangs elsewhere`, { timeout: 30_000 }, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.ann);
    const hang = { kind: 'hang', times: 2 } as const;
    wild.faults.push({ ...hang });
    wildLegacy.faults.push({ ...hang });
    let settled = 0;
    const hanging = ['wild', 'wild-legacy', 'wild', 'wild-legacy'].map((name) =>
      client.request('tools/call', { name: `${name}__echo`, arguments: {} }).finally(() => settled++),
    );
    while (wild.faults.length + wildLegacy.faults.length > 0) await setTimeout(5);
    for (let round = 0; round < 10; round++) {
      for (const name of NAMES) {
        const text = `${name} ${round}`;
        const reply = await client.request('tools/call', { name: `${name}__echo`, arguments: { text } });
        assert.equal(textOf(reply), text);
        assert.equal((await client.request('prompts/get', { name: `${name}__greet` })).message.error, undefined);
      }
      const read = await client.request('resources/read', { uri: 'test://one' });
      assert.equal(read.message.result.contents[0].text, 'content of test://one');
    }
    assert.equal(settled, 0, 'all this was answered while they hung');
    for (const { message } of await Promise.all(hanging)) {
      assert.equal(message.error.data.code, 'upstream_timeout');
      assert.match(message.error.message, /wild/);
    }
  });

  test(`${era}: a call to an upstream that is not there says so, and soon`, { timeout: 30_000 }, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.ann);
    for (const name of ['a-dead', 'a-silent', 'a-mute', 'a-broken', 'silent-sse', 'silent-personal']) {
      const { message } = await client.request('tools/call', { name: `${name}__echo`, arguments: {} });
      assert.ok(
        ['upstream_unavailable', 'upstream_timeout'].includes(message.error.data.code),
        JSON.stringify(message),
      );
      assert.ok(message.error.message.includes(name), message.error.message);
    }
  });

  test(`${era}: an upstream that resets, answers nonsense or an HTTP error fails that call and no other`, {
    timeout: 30_000,
  }, async () => {
    const client = await clientOf(era, `${gateway.url}/mcp`, gateway.keys.ann);
    for (const [upstream, fake] of [
      ['wild', wild],
      ['wild-legacy', wildLegacy],
    ] as const) {
      for (const [fault, code] of [
        [{ kind: 'reset' }, 'upstream_unavailable'],
        [{ kind: 'status', status: 500, body: 'stack trace with secrets' }, 'upstream_unavailable'],
        [{ kind: 'status', status: 403 }, 'upstream_credential_rejected'],
        [{ kind: 'status', status: 302, headers: { location: 'http://evil.example/' } }, 'upstream_invalid'],
        [{ kind: 'status', status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }, 'upstream_invalid'],
        [
          { kind: 'status', status: 200, headers: { 'content-type': 'application/json' }, body: '' },
          'upstream_invalid',
        ],
        [{ kind: 'gzip' }, 'upstream_invalid'],
        [{ kind: 'stall' }, 'upstream_timeout'],
      ] as const) {
        fake.faults.push({ ...fault } as Any);
        const failing = client.request('tools/call', { name: `${upstream}__echo`, arguments: { text: 'x' } });
        const fine = client.request('tools/call', { name: 'good__echo', arguments: { text: 'fine' } });
        assert.equal(textOf(await fine), 'fine');
        const { message, body } = await failing;
        assert.equal(message.error?.data?.code, code, `${upstream} ${JSON.stringify(fault)}: ${body}`);
        assert.ok(!body.includes('secrets') && !body.includes('evil'), body);
        const next = await client.request('tools/call', { name: `${upstream}__echo`, arguments: { text: 'next' } });
        assert.equal(textOf(next), 'next', 'the next call is as good as ever');
      }
    }
  });
}

test('neither log levels nor changed roots wait for an upstream that is still being connected', {
  timeout: 30_000,
}, async () => {
  const client = await legacyClient(`${gateway.url}/mcp`, gateway.keys.ann, { name: 'patient' });
  assert.equal(
    textOf(await client.request('tools/call', { name: 'good-legacy__echo', arguments: { text: 'x' } })),
    'x',
  );
  const opens = ({ message }: Any) => message?.params?.clientInfo?.name === 'patient';
  wildLegacy.faults.push({ kind: 'slow', ms: 1_000, on: opens });
  let settled = false;
  const slow = client.request('tools/call', { name: 'wild-legacy__echo', arguments: { text: 'slow' } }).finally(() => {
    settled = true;
  });
  await setTimeout(100);
  assert.deepEqual((await client.request('logging/setLevel', { level: 'debug' })).message.result, {});
  assert.equal((await client.notify('notifications/roots/list_changed')).status, 202);
  assert.equal(settled, false, 'both were answered before');
  assert.equal(textOf(await slow), 'slow');
  const told = (fake: FakeHttpUpstream, method: string) =>
    fake.received.filter(
      ({ message, headers }) => message?.method === method && headers['mcp-session-id'] !== undefined,
    ).length;
  for (const fake of [goodLegacy, wildLegacy]) {
    while (told(fake, 'logging/setLevel') === 0 || told(fake, 'notifications/roots/list_changed') === 0)
      await setTimeout(5);
  }
});

test('a session can be opened, and lists be had, before any upstream has answered', { timeout: 30_000 }, async () => {
  const cold = await startWithPeople({
    people: { ann: { roles: ['full-access'] } },
    ready: [],
    config: { upstreams: [{ name: 'silent', url: `http://127.0.0.1:${silent.port}/mcp`, timeoutMs: 60_000 }] },
  });
  try {
    const client = await legacyClient(`${cold.url}/mcp`, cold.keys.ann);
    // A client that was not offered lists would never ask, also not when the upstream is there.
    for (const list of ['tools', 'prompts', 'resources']) assert.ok(list in client.initialized.capabilities, list);
    assert.deepEqual(await listAll(client, 'tools/list', 'tools'), []);
    const own = await clientOf('modern', `${cold.url}/mcp/silent`, cold.keys.ann);
    const { message } = await own.request('tools/list');
    assert.equal(message.error.data.code, 'upstream_unavailable', 'on its own mount an error, and no empty list');
  } finally {
    await cold.close();
  }
});

test('a personal upstream that never answers holds up no list for long, and no call to another at all', {
  timeout: 30_000,
}, async () => {
  const url = `http://127.0.0.1:${silent.port}/mcp`;
  const personal = await startWithPeople({
    people: { ann: { roles: ['full-access'], secrets: { hanging: { 'x-token': 'x' } } } },
    ready: ['good'],
    config: {
      upstreams: [
        { name: 'good', url: good.url },
        // Longer than this test may take.
        { name: 'hanging', url, timeoutMs: 300_000, auth: { headersPerUser: ['x-token'] } },
      ],
    },
  });
  try {
    for (const era of ['modern', 'legacy'] as const) {
      const client = await clientOf(era, `${personal.url}/mcp`, personal.keys.ann);
      let listed = false;
      const list = listAll(client, 'tools/list', 'tools').finally(() => {
        listed = true;
      });
      for (let round = 0; round < 2; round++) {
        const reply = await client.request('tools/call', { name: 'good__echo', arguments: { text: 'at once' } });
        assert.equal(textOf(reply), 'at once');
        const read = await client.request('resources/read', { uri: 'test://one' });
        assert.equal(read.message.result.contents.length, 1);
      }
      assert.equal(listed, false, 'the calls overtook the list, which is given some time to be complete');
      assert.ok((await list).some(({ name }) => name === 'good__echo'));
    }
  } finally {
    await personal.close();
  }
});

test('what is missing is in the status and in the log', () => {
  const states = Object.fromEntries(gateway.app.upstreamStatus().map((status) => [status.name, status]));
  for (const name of NAMES) assert.equal(states[name]!.state, 'ready');
  for (const name of ['a-dead', 'a-silent', 'a-mute', 'a-broken', 'silent-sse']) {
    assert.notEqual(states[name]!.state, 'ready', name);
    assert.ok(states[name]!.lastError !== undefined, name);
  }
  const logged = gateway.logs.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn');
  for (const name of ['a-dead', 'a-silent'])
    assert.ok(
      logged.some(({ upstream }) => upstream === name),
      name,
    );
});
