/**
 * Python SDK CVE-2026-52869, Ruby SDK CVE-2026-67431, MetaMCP CVE-2026-79537: who knew a session id had the session. Here
 * an id of another principal is as unknown as one that never was, for every method, on every mount, in every answer.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type FakeLegacyUpstream, startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { type LegacyClient, legacyClient, type Reply, send, textOf } from '../mcp-client.ts';
import { type PeopledGateway, startWithPeople } from '../people.ts';

let upstream: FakeLegacyUpstream;
let plain: FakeLegacyUpstream;
let gateway: PeopledGateway<'alice' | 'bob' | 'robot'>;

before(async () => {
  // Breaks every answer off, to be fetched with Last-Event-ID.
  upstream = await startLegacyUpstream({ polling: true });
  plain = await startLegacyUpstream();
  gateway = await startWithPeople({
    people: {
      alice: { roles: ['full-access'] },
      bob: { roles: ['full-access'] },
      robot: { kind: 'service_account', roles: ['full-access'] },
    },
    config: {
      upstreams: [
        { name: 'one', url: upstream.url },
        { name: 'two', url: plain.url },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  await upstream.close();
  await plain.close();
});

interface Attempt {
  readonly what: string;
  readonly method: string;
  readonly body?: object;
  readonly headers?: Record<string, string>;
}

const rpc = (message: object) => ({ jsonrpc: '2.0', ...message });
/** Everything that one can do with a session. */
const ATTEMPTS: readonly Attempt[] = [
  { what: 'a call', method: 'POST', body: rpc({ id: 1, method: 'tools/call', params: { name: 'one__delete' } }) },
  { what: 'a list', method: 'POST', body: rpc({ id: 1, method: 'tools/list' }) },
  { what: 'a ping', method: 'POST', body: rpc({ id: 1, method: 'ping' }) },
  { what: 'an unknown method', method: 'POST', body: rpc({ id: 1, method: 'no/such' }) },
  { what: 'a log level', method: 'POST', body: rpc({ id: 1, method: 'logging/setLevel', params: { level: 'debug' } }) },
  { what: 'a notification', method: 'POST', body: rpc({ method: 'notifications/roots/list_changed' }) },
  {
    what: 'a cancellation',
    method: 'POST',
    body: rpc({ method: 'notifications/cancelled', params: { requestId: 7 } }),
  },
  { what: 'an answer', method: 'POST', body: rpc({ id: 1, result: { roots: [] } }) },
  { what: 'the stream', method: 'GET', headers: { accept: 'text/event-stream' } },
  { what: 'a resumption', method: 'GET', headers: { accept: 'text/event-stream', 'last-event-id': 'one/1' } },
  { what: 'the end', method: 'DELETE' },
];

const attempt = (key: string, sessionId: string, { method, body, headers }: Attempt, path = '/mcp'): Promise<Reply> =>
  send(gateway.url + path, {
    method,
    body,
    headers: { authorization: `Bearer ${key}`, 'mcp-session-id': sessionId, ...headers },
  });

/** Status, headers and body, without what is different in any two answers. */
const shapeOf = ({ status, headers, body }: Reply): string => {
  const { date: _, 'content-length': __, ...rest } = headers;
  return JSON.stringify([status, rest, body.replace(/req_\w+/g, 'req')]);
};

/** The session of a client works, and is the one it was. */
async function assertUnharmed(client: LegacyClient, text: string): Promise<void> {
  const reply = await client.request('tools/call', { name: 'two__echo', arguments: { text } });
  assert.equal(textOf(reply), text);
}

test('with the id of another principal’s session everything is 404, exactly like with an id that never was', async () => {
  const alice = await legacyClient(`${gateway.url}/mcp`, gateway.keys.alice);
  await assertUnharmed(alice, 'before');
  const seen = () => upstream.received.length + plain.received.length;
  const before = seen();
  for (const thief of ['bob', 'robot'] as const) {
    for (const what of ATTEMPTS) {
      const stolen = await attempt(gateway.keys[thief], alice.sessionId, what);
      assert.equal(stolen.status, 404, `${thief}, ${what.what}: ${stolen.body}`);
      assert.equal(stolen.message.error.data.code, 'session_not_found');
      const unknown = await attempt(gateway.keys[thief], 'A'.repeat(alice.sessionId.length), what);
      assert.equal(shapeOf(stolen), shapeOf(unknown), what.what);
    }
  }
  assert.equal(seen(), before, 'nothing of it reached an upstream');
  await assertUnharmed(alice, 'after');
});

test('the owner’s id counts only where it was given out, and only as a whole', async () => {
  const alice = await legacyClient(`${gateway.url}/mcp/one`, gateway.keys.alice);
  const [call] = ATTEMPTS as [Attempt];
  for (const path of ['/mcp', '/mcp/two']) {
    assert.equal((await attempt(gateway.keys.alice, alice.sessionId, call, path)).status, 404, path);
  }
  for (const id of [
    alice.sessionId.slice(1),
    `${alice.sessionId}A`,
    ` ${alice.sessionId.toLowerCase()}`,
    `${gateway.ids.alice}:${alice.sessionId}`,
    '*',
    '__proto__',
    'constructor',
  ]) {
    assert.equal((await attempt(gateway.keys.alice, id, call, '/mcp/one')).status, 404, id);
  }
});

test('a session id is no credential, and a wrong credential beside it stays one', async () => {
  const alice = await legacyClient(`${gateway.url}/mcp`, gateway.keys.alice);
  for (const what of ATTEMPTS) {
    const headers = { 'mcp-session-id': alice.sessionId, ...what.headers };
    const none = await send(`${gateway.url}/mcp`, { method: what.method, body: what.body, headers });
    assert.equal(none.status, 401, what.what);
    assert.equal((await attempt('sk-random', alice.sessionId, what)).status, 401, what.what);
  }
  await assertUnharmed(alice, 'still there');
});

test('nobody resumes the stream of another with its Last-Event-ID', async () => {
  const alice = await legacyClient(`${gateway.url}/mcp`, gateway.keys.alice);
  const bob = await legacyClient(`${gateway.url}/mcp`, gateway.keys.bob);
  await bob.request('tools/call', { name: 'two__echo', arguments: { text: 'opens his own connection' } });
  const secret = 'what only Alice may read';
  const begun = await alice.open('tools/call', { name: 'one__echo', arguments: { text: secret } });
  await begun.closed;
  const lastEventId = /^id: (.*)$/m.exec(begun.body())?.[1];
  assert.match(String(lastEventId), /^one\//);

  const inHisSession = await bob.listen(lastEventId);
  await inHisSession.closed;
  assert.equal(inHisSession.status, 404, 'in his own session');
  assert.ok(!inHisSession.body().includes(secret));
  const resumption = {
    what: '',
    method: 'GET',
    headers: { accept: 'text/event-stream', 'last-event-id': lastEventId! },
  };
  assert.equal((await attempt(gateway.keys.bob, alice.sessionId, resumption)).status, 404, 'in hers');

  // Even where he has a connection to that upstream: it knows him by a session of his own.
  await bob.request('tools/call', { name: 'one__echo', arguments: { text: 'hello' } });
  const guessed = await bob.listen(lastEventId);
  assert.notEqual(guessed.headers['mcp-session-id'], alice.sessionId);
  guessed.close();

  const resumed = await alice.listen(lastEventId);
  const { result } = await resumed.find(({ id }) => id !== undefined);
  assert.equal(result.content[0].text, secret, 'she still can');
  resumed.close();
});

test('what one client ended or lost is gone for itself, too', async () => {
  const alice = await legacyClient(`${gateway.url}/mcp`, gateway.keys.alice);
  assert.equal((await alice.end()).status, 204);
  for (const what of ATTEMPTS) {
    assert.equal((await attempt(gateway.keys.alice, alice.sessionId, what)).status, 404, what.what);
  }
});

test('session ids are long, random and printable', async () => {
  const ids = new Set<string>();
  for (let count = 0; count < 50; count++) {
    const { sessionId } = await legacyClient(`${gateway.url}/mcp`, gateway.keys.robot);
    assert.match(sessionId, /^[\x21-\x7e]{32,}$/);
    ids.add(sessionId.slice(0, 12));
  }
  assert.equal(ids.size, 50, 'no two begin alike');
});
