/** A disk without space, and one that does not answer: strict audit refuses before anything is forwarded; all else stays up. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { serveToolgate, until } from '../gateway-process.ts';
import { modernClient, textOf } from '../mcp-client.ts';
import { smallDisk } from './audit-folder.ts';
import { startLoad } from './call-load.ts';
import { callsByText, verifyGateway } from './gateway-audit.ts';

/** Takes all the space that is left, to the last block. */
function fillDisk(mount: string): () => void {
  const file = join(mount, 'filler');
  const handle = openSync(file, 'w');
  for (let size = 1024 * 1024; size >= 512; size /= 2) {
    const chunk = Buffer.alloc(size, 1);
    try {
      for (;;) writeSync(handle, chunk);
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
  closeSync(handle);
  return () => rmSync(file);
}

async function startOn(t: TestContext, dataDir: string, audit: object = {}) {
  const upstream = await startModernUpstream();
  t.after(() => upstream.close());
  const config = { upstreams: [{ name: 'fake', url: upstream.url }], audit };
  const gateway = await serveToolgate(t, { dataDir, config });
  const client = modernClient(`${gateway.url}/mcp/fake`, gateway.serviceKey);
  await until('the upstream is ready', async () => (await client.request('tools/list')).body.includes('echo'));
  const reached = () => upstream.calls('tools/call').map(({ message }) => message.params.arguments.text);
  const probe = async (path: string) => (await fetch(`${gateway.url}${path}`)).status;
  return { upstream, gateway, client, reached, probe };
}

test('a full disk: no call goes out, health stays up, reading goes on, and it recovers alone', {
  timeout: 120_000,
}, async (t) => {
  const mount = smallDisk(t, '24m');
  if (mount === null) {
    t.diagnostic('NOT TESTED: a full disk under the gateway; this user may not mount a tmpfs');
    return t.skip('needs the right to mount a small file system');
  }
  const { gateway, client, reached, probe } = await startOn(t, join(mount, 'data'));
  for (let round = 1; round <= 2; round++) {
    const load = startLoad(`${gateway.url}/mcp/fake`, gateway.serviceKey!, { concurrency: 16 });
    await until('calls are answered', () => load.count('ok') > 50);
    const makeSpace = fillDisk(mount);
    await until('calls are refused', () => load.calls.slice(-20).every(({ end }) => end === 'refused'));
    await load.stop();
    for (const { end, status, code, body } of load.calls.filter(({ end }) => end !== 'ok')) {
      assert.deepEqual([end, status, code], ['refused', 503, 'audit_unavailable'], body);
    }
    const forwarded = new Set(reached());
    for (const { text } of load.calls.filter(({ end }) => end === 'refused')) {
      assert.ok(!forwarded.has(text), `${text} was refused and reached the upstream all the same`);
    }

    // While it is full:
    const before = reached().length;
    for (let i = 0; i < 5; i++) {
      const { status, message } = await client.request('tools/call', { name: 'echo', arguments: { text: 'full' } });
      assert.deepEqual([status, message.error.data.code], [503, 'audit_unavailable']);
      assert.match(message.error.message, /recorded/);
    }
    assert.equal(reached().length, before);
    assert.equal((await client.request('tools/list')).status, 200, 'lists need no record');
    assert.deepEqual([await probe('/healthz'), await probe('/readyz')], [200, 503]);
    assert.equal((await gateway.admin('GET', '/upstreams')).status, 200);
    assert.equal((await gateway.admin('GET', '/audit/events?limit=5')).status, 200);
    const change = await gateway.admin('POST', '/service-accounts', { name: `while-full-${round}` });
    assert.ok(change.status === 503, `an administrator's change is refused too: ${JSON.stringify(change.body)}`);

    makeSpace();
    await until('it is ready again', async () => (await probe('/readyz')) === 200);
    const after = await client.request('tools/call', { name: 'echo', arguments: { text: `after ${round}` } });
    assert.equal(textOf(after), `after ${round}`);
    const made = await gateway.admin('POST', '/service-accounts', { name: `after-full-${round}` });
    assert.equal(made.status, 201, JSON.stringify(made.body));
  }

  const recorded = await callsByText(gateway);
  for (const text of reached()) assert.ok(recorded.has(text), `${text} reached the upstream and has no record`);
  const outcomes = new Set([...recorded.values()].map(({ outcome }) => outcome));
  assert.ok(!outcomes.has('unknown') && !outcomes.has('pending'), [...outcomes].join());
  const report = await verifyGateway(gateway);
  assert.equal(report.ok, true, JSON.stringify(report.firstFault));
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null }, gateway.output());
  assert.doesNotMatch(gateway.output(), /This is a fault of Toolgate|UnhandledPromise|uncaught/i);
});

test('a start on a full disk: a clear text or a gateway that refuses calls, never half a data folder', {
  timeout: 60_000,
}, async (t) => {
  const mount = smallDisk(t, '16m');
  if (mount === null) return t.skip('needs the right to mount a small file system');
  const dataDir = join(mount, 'data');
  const first = await startOn(t, dataDir);
  await first.gateway.stop();
  const makeSpace = fillDisk(mount);
  const options = { dataDir, config: null, ownerKey: first.gateway.ownerKey };
  const full = await serveToolgate(t, options).catch((error) => error);
  if (full instanceof Error) assert.match(full.message, /ended with 1\n.*"error".*disk is full/s);
  else {
    assert.equal((await fetch(`${full.url}/readyz`)).status, 503);
    await full.stop();
  }
  makeSpace();
  const again = await serveToolgate(t, options);
  assert.equal((await again.admin('GET', '/whoami')).status, 200);
  assert.equal((await verifyGateway(again)).ok, true);
});

test('fsync that takes seconds: calls are refused at the deadline, no call hangs, and it recovers alone', {
  timeout: 120_000,
}, async (t) => {
  if (spawnSync('strace', ['-o', '/dev/null', 'true']).status !== 0) {
    t.diagnostic('NOT TESTED: a stalled fsync under the gateway; strace is missing or not allowed');
    return t.skip('needs strace and the right to use it');
  }
  const disk = smallDisk(t, '64m');
  const { gateway, reached, probe } = await startOn(t, join(disk ?? '/tmp', 'data'), { deadlineMs: 300 });
  const load = startLoad(`${gateway.url}/mcp/fake`, gateway.serviceKey!, { concurrency: 8 });
  await until('calls are answered', () => load.count('ok') > 50);
  const delay = 'inject=fsync,fdatasync:delay_enter=1500000';
  const strace = spawn(
    'strace',
    ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', delay, '-p', String(gateway.pid)],
    {
      stdio: 'ignore',
    },
  );
  t.after(() => strace.kill('SIGKILL'));
  await until('calls are refused', () => load.count('refused') > 20);
  assert.equal(await probe('/healthz'), 200);
  strace.kill('SIGINT');
  await once(strace, 'exit');
  const before = load.count('ok');
  await until('calls are answered again', () => load.count('ok') > before + 50);
  await load.stop();
  const forwarded = new Set(reached());
  for (const { text, end, status, code, body } of load.calls.filter(({ end }) => end !== 'ok')) {
    assert.deepEqual([end, status, code], ['refused', 503, 'audit_unavailable'], body);
    assert.ok(!forwarded.has(text), `${text} was refused and reached the upstream all the same`);
  }
  await until('it is ready again', async () => (await probe('/readyz')) === 200);
  const recorded = await callsByText(gateway);
  for (const text of forwarded) assert.equal(recorded.get(text)?.outcome, 'ok', text);
  assert.equal((await verifyGateway(gateway)).ok, true);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
});
