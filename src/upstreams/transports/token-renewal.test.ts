import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import {
  contextFor,
  exchange,
  httpUpstream,
  recordingSink,
  sharedOptions,
  toolCall,
  until,
} from '../../../test/fakes/upstream-call.ts';
import type { FakeHttpUpstream, HttpFakeGuard } from '../../../test/fakes/upstream-http.ts';
import { startModernUpstream } from '../../../test/fakes/upstream-modern.ts';
import { startSseUpstream } from '../../../test/fakes/upstream-sse.ts';
import { AppError } from '../../errors/app-error.ts';
import { Secret } from '../../lib/secret.ts';
import type { Challenge } from '../oauth/provider/challenge.ts';
import { openConnection } from '../open-connection.ts';
import type { CallLimits, Credential, UpstreamConnection } from '../upstream-connection.ts';

let fake: FakeHttpUpstream;
let context: ReturnType<typeof contextFor>;
let connection: UpstreamConnection;
let accepted: string;
let refuse: HttpFakeGuard;
const challenges: Challenge[] = [];
let renewal: () => Promise<Credential>;

const guard: HttpFakeGuard = (received, res) =>
  received.headers.authorization === `Bearer ${accepted}` ? false : refuse(received, res);
const token = (value: string): Credential => ({
  id: 'shared',
  headers: [['Authorization', new Secret(`Bearer ${value}`)]],
  renew: (challenge) => {
    challenges.push(challenge);
    return renewal();
  },
});
const open = async (limits: Partial<CallLimits> = {}): Promise<void> => {
  context = contextFor(httpUpstream(fake.url), limits);
  connection = await openConnection(context, sharedOptions({ credential: token('old') }));
};
const echo = (credential: Credential, headers: string[] = []) =>
  toolCall(1, 'echo', { text: 'hi' }, { modern: true, credential, headers });

beforeEach(async () => {
  challenges.length = 0;
  accepted = 'old';
  refuse = (_received, res) => {
    res.writeHead(401, { 'www-authenticate': 'Bearer scope="a"' }).end();
    return true;
  };
  renewal = async () => token(accepted);
  fake = await startModernUpstream({ guard });
});
afterEach(async () => {
  await connection.close();
  await context.close();
  await fake.close();
});

test('the second attempt is the same request with the other token alone, and its connections live on', async () => {
  await open();
  accepted = 'new';
  const answer = await exchange(connection, echo(token('old'), ['x-trace', 'abc', 'Mcp-Param-Region', 'eu']));
  assert.equal(answer.messages[0].result.content[0].text, 'hi');
  const [first, second] = fake.calls('tools/call');
  assert.equal(first!.body, second!.body);
  const without = ({ authorization: _, ...rest }: object & { authorization?: unknown }) => rest;
  assert.deepEqual(without(second!.headers), without(first!.headers));
  assert.equal(second!.headers.authorization, 'Bearer new');
  assert.equal(second!.rawHeaders.filter((name) => name.toLowerCase() === 'authorization').length, 1);
  const { connections } = fake;
  for (let round = 0; round < 5; round++) {
    accepted = `new ${round}`;
    await exchange(connection, echo(token('old')));
  }
  assert.equal(fake.connections, connections);
});

test('a body that comes with the refusal is passed over, whatever is in it and however long it is', async () => {
  await open();
  for (const [headers, body] of [
    [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }, 'not gzip at all'],
    [{ 'content-type': 'application/json' }, '{"jsonrpc":"2.0","id":1,"result":{}}'],
    [{ 'content-type': 'text/event-stream' }, 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'],
    [{ 'content-type': 'text/html' }, 'x'.repeat(3 * 1024 * 1024)],
  ] as const) {
    accepted = `new after ${body.length}`;
    refuse = (_received, res) => {
      res.writeHead(401, headers).end(body);
      return true;
    };
    const answer = await exchange(connection, echo(token('old')));
    assert.equal(answer.messages[0]?.result.content[0].text, 'hi', JSON.stringify(headers));
  }
});

test('a refusal that breaks off is a refusal all the same', async () => {
  await open();
  accepted = 'new';
  refuse = (_received, res) => {
    res.writeHead(401, { 'content-length': '1000' });
    res.write('…', () => res.destroy());
    return true;
  };
  assert.equal((await exchange(connection, echo(token('old')))).messages[0].result.content[0].text, 'hi');
});

test('the time that a provider takes is not the silence of the upstream', async () => {
  await open({ timeoutMs: 150 });
  accepted = 'new';
  renewal = () => new Promise((resolve) => setTimeout(() => resolve(token('new')), 600));
  assert.equal((await exchange(connection, echo(token('old')))).messages[0].result.content[0].text, 'hi');
});

test('who hangs up meanwhile causes no second attempt', async () => {
  await open();
  accepted = 'new';
  const asked = Promise.withResolvers<void>();
  const given = Promise.withResolvers<Credential>();
  renewal = () => {
    asked.resolve();
    return given.promise;
  };
  const { sink, state } = recordingSink();
  const running = connection.exchange(echo(token('old')), sink);
  await asked.promise;
  running.cancel('gone');
  given.resolve(token('new'));
  assert.equal((await exchange(connection, echo(token('new')))).error, undefined);
  assert.equal(fake.calls('tools/call').length, 2);
  assert.deepEqual([state.over, state.type], [false, undefined]);
});

test('an error of the renewal that nobody expected tells the caller nothing of itself', async () => {
  await open();
  accepted = 'new';
  renewal = () => Promise.reject(new Error('canary: refresh token abc'));
  const { error } = await exchange(connection, echo(token('old')));
  assert.equal(error?.code, 'internal');
  assert.doesNotMatch(error!.message, /canary/);
  await assert.rejects(
    connection.send(Buffer.from('{"jsonrpc":"2.0","method":"notifications/x"}'), token('old')),
    (thrown) => {
      return thrown instanceof AppError && !/canary/.test(thrown.message);
    },
  );
});

test('over HTTP+SSE the stream, requests and notifications are renewed', async () => {
  await fake.close();
  accepted = 'new';
  fake = await startSseUpstream({ guard });
  context = contextFor(httpUpstream(fake.url, { transport: 'sse' }));
  connection = await openConnection(context, sharedOptions({ credential: token('old') }));
  accepted = 'newer';
  const answer = await exchange(connection, toolCall(1, 'echo', { text: 'hi' }, { credential: token('new') }));
  assert.equal(answer.messages[0].result.content[0].text, 'hi');
  await connection.send(Buffer.from('{"jsonrpc":"2.0","method":"notifications/x"}'), token('new'));
  await until(() => fake.received.at(-1)?.headers.authorization === 'Bearer newer');
  assert.ok(challenges.every(({ status, scopes }) => status === 401 && scopes[0] === 'a'));
});
