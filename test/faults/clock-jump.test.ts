/** The wall clock is moved by an hour, forwards and back, while calls run: an alarm is all that anybody notices. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { newDataDir, serveToolgate, until } from '../gateway-process.ts';
import { legacyClient, modernClient, textOf } from '../mcp-client.ts';
import { startLoad } from './call-load.ts';
import { callsByText, verifyGateway } from './gateway-audit.ts';

const HOUR_MS = 3_600_000;

test('calls, streams, sessions and breakers go on; keys expire by the new time; the log stays whole', {
  timeout: 90_000,
}, async (t) => {
  const [modern, legacy] = await Promise.all([startModernUpstream(), startLegacyUpstream()]);
  t.after(() => Promise.all([modern.close(), legacy.close()]));
  const dataDir = await newDataDir(t);
  const clock = join(dataDir, '..', 'clock');
  const gateway = await serveToolgate(t, {
    dataDir,
    config: {
      upstreams: [
        { name: 'modern', url: modern.url },
        { name: 'legacy', url: legacy.url },
      ],
    },
    env: { NODE_OPTIONS: `--import=${join(import.meta.dirname, '../fakes/shifted-clock.ts')}`, SHIFTED_CLOCK: clock },
  });
  const url = `${gateway.url}/mcp`;
  const fresh = modernClient(url, gateway.serviceKey);
  await until('both upstreams are ready', async () => {
    const { body } = await fresh.request('tools/list');
    return body.includes('modern__echo') && body.includes('legacy__echo');
  });
  const old = await legacyClient(url, gateway.serviceKey);
  const echo = (upstream: string, text: string) => ({ name: `${upstream}__echo`, arguments: { text } });
  assert.equal(textOf(await old.request('tools/call', echo('legacy', 'before'))), 'before');
  const stream = await old.listen();
  const subscription = await fresh.open('subscriptions/listen', { notifications: { toolsListChanged: true } });
  const waiting = fresh.open('tools/call', { name: 'modern__wait', arguments: {} });
  const { body: account } = await gateway.admin('POST', '/service-accounts', { name: 'robot' });
  const owner = { kind: 'service_account', id: account.id };
  await gateway.admin('POST', '/role-assignments', { role: 'full-access', subject: owner });
  const issued = await gateway.admin('POST', '/access-keys', { owner, name: 'half an hour', ttlSeconds: 1_800 });
  const robot = modernClient(url, issued.body.key);
  const robotsStatus = async () => (await robot.request('tools/list')).status;
  assert.equal(await robotsStatus(), 200);

  const load = startLoad(`${gateway.url}/mcp/modern`, gateway.serviceKey!, { concurrency: 4, pauseMs: 5 });
  const steps = () =>
    [...gateway.stderr().matchAll(/"stepMs":(-?\d+)/g)].map(([, ms]) => Math.round(Number(ms) / HOUR_MS));
  for (const [shift, told, status] of [
    [HOUR_MS, [1], 401],
    [0, [1, -1], 200],
    [-HOUR_MS, [1, -1, -1], 200],
  ] as const) {
    await writeFile(clock, String(shift));
    await until('the alarm', () => steps().length === told.length);
    assert.deepEqual(steps(), told);
    assert.equal(await robotsStatus(), status);
    const before = load.count('ok');
    await until('calls go on', () => load.count('ok') > before + 50);
    assert.equal(textOf(await old.request('tools/call', echo('legacy', 'in the session'))), 'in the session');
    for (const open of [stream, subscription]) assert.equal(open.http.closed, false);
  }
  await load.stop();
  assert.deepEqual(
    load.calls.filter(({ end }) => end !== 'ok'),
    [],
  );
  modern.behaviour.release();
  const answer = await waiting;
  await answer.closed;
  assert.equal(answer.messages.at(-1).result.content[0].text, 'released');
  const listed = await gateway.admin('GET', '/upstreams');
  for (const { status } of listed.body.items) assert.equal(status.state, 'ready');
  for (const open of [stream, subscription]) open.close();

  const recorded = await callsByText(gateway);
  for (const { text } of load.calls) assert.equal(recorded.get(text)?.outcome, 'ok', text);
  assert.equal((await verifyGateway(gateway)).ok, true, 'records stand in the order in which things happened');
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});
