/** SIGTERM: what is under way ends well, streams end, nothing new begins, everything is on the disk, exit code 0. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startLoad } from '../faults/call-load.ts';
import { callsByText } from '../faults/gateway-audit.ts';
import { newDataDir, serveToolgate, until } from '../gateway-process.ts';
import { legacyClient, modernClient, send } from '../mcp-client.ts';

/** The end of the audit log, as it lies on the disk. */
function auditTail(dataDir: string) {
  const db = new DatabaseSync(join(dataDir, 'audit.db'), { readOnly: true });
  try {
    const checkpoint = db.prepare('SELECT line FROM checkpoints ORDER BY number DESC LIMIT 1').get()!.line as string;
    const last = db.prepare('SELECT max(seq) AS seq FROM records').get()!.seq as number;
    return { last, checkpoint: JSON.parse(checkpoint).checkpoint };
  } finally {
    db.close();
  }
}

async function startBoth(t: TestContext) {
  const [modern, legacy] = await Promise.all([startModernUpstream(), startLegacyUpstream()]);
  t.after(() => Promise.all([modern.close(), legacy.close()]));
  const dataDir = await newDataDir(t);
  const config = {
    upstreams: [
      { name: 'modern', url: modern.url },
      { name: 'legacy', url: legacy.url },
    ],
  };
  const gateway = await serveToolgate(t, { dataDir, config });
  await until('the upstreams are ready', async () => {
    const { body } = await gateway.admin('GET', '/upstreams');
    return body.items.every(({ status }: { status: { state: string } }) => status.state === 'ready');
  });
  return { modern, legacy, dataDir, config, gateway };
}

// Short calls are the hard ones: a connection is closed while its next request is on the way.
for (const [round, tool] of ['echo', 'echo', 'echo', 'late'].entries()) {
  test(`under load no call fails that was begun before (round ${round + 1}, ${tool})`, {
    timeout: 90_000,
  }, async (t) => {
    const { modern, legacy, dataDir, config, gateway } = await startBoth(t);
    const load = startLoad(`${gateway.url}/mcp/modern`, gateway.serviceKey!, { concurrency: 64, tool });
    await until('calls are answered', () => load.count('ok') > 100);
    const killedAt = performance.now();
    gateway.child.kill('SIGTERM');
    assert.deepEqual(await gateway.exited, { code: 0, signal: null }, gateway.output());
    await load.stop();

    const before = load.calls.filter(({ startedAt }) => startedAt < killedAt);
    assert.deepEqual(
      before.filter(({ end }) => end !== 'ok'),
      [],
    );
    const after = load.calls.filter(({ startedAt }) => startedAt >= killedAt);
    const reached = new Set(modern.calls('tools/call').map(({ message }) => message.params.arguments.text));
    for (const { text, end, status, code, body } of after) {
      if (end === 'ok') continue;
      if (end === 'refused') assert.deepEqual([status, code], [503, 'shutting_down'], body);
      else assert.equal(end, 'broken', body);
      assert.ok(!reached.has(text), `${text} failed and reached the upstream all the same`);
    }

    const { last, checkpoint } = auditTail(dataDir);
    assert.deepEqual([checkpoint.kind, checkpoint.seq], ['close', last]);
    const next = await serveToolgate(t, { dataDir, config, ownerKey: gateway.ownerKey });
    const recorded = await callsByText(next);
    for (const { text } of load.calls.filter(({ end }) => end === 'ok')) {
      assert.equal(recorded.get(text)?.outcome, 'ok', `the outcome of ${text}`);
    }
    for (const [text, { outcome }] of recorded) assert.equal(outcome, 'ok', text);
    assert.deepEqual(await next.stop(), { code: 0, signal: null });
    assert.equal(legacy.sessions.size, 0, 'sessions on upstreams are ended');
  });
}

test('a long call is waited for while streams end and new requests are turned away', { timeout: 90_000 }, async (t) => {
  const { modern, dataDir, gateway } = await startBoth(t);
  const { url, serviceKey } = gateway;
  const client = modernClient(`${url}/mcp`, serviceKey);
  const session = await legacyClient(`${url}/mcp/legacy`, serviceKey);
  const serverStream = await session.listen();
  const listening = await client.open('subscriptions/listen', { notifications: { toolsListChanged: true } });
  await listening.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
  const long = client.open('tools/call', { name: 'modern__wait', arguments: {} });
  const inSession = session.open('tools/call', { name: 'progress', arguments: { steps: 200, text: 'in session' } });
  await until('the long call is under way', () => modern.calls('tools/call').length === 1);
  assert.equal((await fetch(`${url}/readyz`)).status, 200);

  gateway.child.kill('SIGTERM');
  await Promise.all([serverStream.closed, listening.closed]);
  assert.ok(serverStream.complete && listening.complete, 'the streams end as HTTP says that they should');
  // Not ready and not there look the same to whoever asks: nobody sends calls any more.
  await until('nothing new is accepted', () =>
    fetch(`${url}/readyz`).then(
      ({ status }) => status === 503,
      () => true,
    ),
  );
  const refused = await send(`${url}/mcp/modern`, {
    headers: { authorization: `Bearer ${serviceKey}` },
    body: {},
  }).catch(({ code }) => code);
  assert.ok(refused === 'ECONNREFUSED' || refused === 'ECONNRESET' || refused.status === 503, JSON.stringify(refused));
  assert.equal(gateway.child.exitCode, null, 'it waits for the call');

  modern.behaviour.release();
  const answer = await long;
  await answer.closed;
  assert.equal(answer.messages.at(-1).result.content[0].text, 'released');
  const other = await inSession;
  await other.closed;
  assert.equal(other.messages.at(-1).result.content[0].text, 'in session');
  assert.deepEqual(await gateway.exited, { code: 0, signal: null }, gateway.output());
  const { last, checkpoint } = auditTail(dataDir);
  assert.deepEqual([checkpoint.kind, checkpoint.seq], ['close', last]);
});

test('an answer that a client reads slowly still arrives whole', { timeout: 60_000 }, async (t) => {
  const { modern, gateway } = await startBoth(t);
  const text = 'x'.repeat(8 * 1024 * 1024);
  modern.behaviour.tools.push({
    definition: { name: 'big', inputSchema: { type: 'object' } },
    call: () => ({ content: [{ type: 'text', text }] }),
  });
  modern.announce('notifications/tools/list_changed');
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  await until('the tool is known', async () => (await client.request('tools/list')).body.includes('"big"'));
  const answer = await client.open('tools/call', { name: 'big', arguments: {} });
  answer.http.pause();
  gateway.child.kill('SIGTERM');
  await until('it is stopping', () => gateway.stderr().includes('Stopping'));
  await new Promise((done) => setTimeout(done, 1000));
  answer.http.resume();
  await answer.closed;
  assert.ok(answer.complete);
  assert.equal(answer.messages[0].result.content[0].text, text);
  assert.deepEqual(await gateway.exited, { code: 0, signal: null }, gateway.output());
});

test('a second signal ends it at once, and says so', { timeout: 60_000 }, async (t) => {
  const { modern, gateway } = await startBoth(t);
  const client = modernClient(`${gateway.url}/mcp/modern`, gateway.serviceKey);
  const cut = client.open('tools/call', { name: 'wait', arguments: {} }).catch(({ code }) => code);
  await until('the call is under way', () => modern.calls('tools/call').length === 1);
  gateway.child.kill('SIGTERM');
  await until('it is stopping', () => gateway.stderr().includes('Stopping'));
  // Two signals at almost the same time are one wish: npm passes Ctrl-C on to a program that got it itself.
  gateway.child.kill('SIGINT');
  await new Promise((done) => setTimeout(done, 600));
  assert.equal(gateway.child.exitCode, null);
  gateway.child.kill('SIGINT');
  assert.deepEqual(await gateway.exited, { code: 1, signal: null });
  assert.match(gateway.stderr(), /Stopped at once by a second SIGINT/);
  await cut;
});
