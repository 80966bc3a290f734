/** kill -9 under load: what was acknowledged is there, what went out was recorded before, and it comes up by itself. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type GatewayProcess, newDataDir, serveToolgate, until } from '../gateway-process.ts';
import { modernClient } from '../mcp-client.ts';
import { startLoad } from './call-load.ts';
import { callsByText, searchAudit, verifyGateway } from './gateway-audit.ts';

const ROUNDS = 8;
const STDIO = resolve(import.meta.dirname, '../fakes/upstream-stdio.ts');

/** Creates service accounts until the gateway is gone; returns the names of those that were acknowledged. */
async function keepCreating(gateway: GatewayProcess, prefix: string): Promise<string[]> {
  const acknowledged: string[] = [];
  try {
    for (let number = 1; ; number++) {
      const name = `${prefix}-${number}`;
      const { status } = await gateway.admin('POST', '/service-accounts', { name });
      if (status === 201) acknowledged.push(name);
    }
  } catch {
    return acknowledged;
  }
}

test('kill -9 in a loop under load', { timeout: 180_000 }, async (t: TestContext) => {
  const upstream = await startModernUpstream();
  t.after(() => upstream.close());
  // Answers that take a while keep calls under way at every moment.
  upstream.behaviour.tools[0]!.call = async ({ text }: { text: string }) => {
    await new Promise((done) => setTimeout(done, Math.random() * 20));
    return { content: [{ type: 'text', text }] };
  };
  const dataDir = await newDataDir(t);
  const pids = join(dirname(dataDir), 'stdio-record');
  const config = {
    upstreams: [
      { name: 'fake', url: upstream.url },
      { name: 'program', command: [process.execPath, STDIO, `--record=${pids}`] },
    ],
  };
  let gateway = await serveToolgate(t, { dataDir, config });
  const { ownerKey, serviceKey } = gateway;
  const answered: string[] = [];
  const created: string[] = [];
  let kept: string | undefined;
  let unknown = 0;

  for (let round = 1; round <= ROUNDS; round++) {
    const current = gateway;
    await until('both upstreams are ready', async () => {
      const { body } = await current.admin('GET', '/upstreams');
      return body.items.every(({ status }: { status: { state: string } }) => status.state === 'ready');
    });
    const load = startLoad(`${gateway.url}/mcp/fake`, serviceKey!, { concurrency: 24 });
    const creating = keepCreating(gateway, `account-${round}`);
    const byProgram = modernClient(`${gateway.url}/mcp/program`, serviceKey);
    await byProgram.request('tools/call', { name: 'echo', arguments: { text: `program-${round}` } });
    answered.push(`program-${round}`);
    await until('calls are answered', () => load.count('ok') > 60);
    await new Promise((done) => setTimeout(done, Math.random() * 40));
    assert.deepEqual(await gateway.stop('SIGKILL'), { code: null, signal: 'SIGKILL' });
    await load.stop();
    created.push(...(await creating));
    assert.deepEqual(
      load.calls.filter(({ end }) => end === 'wrong' || end === 'refused'),
      [],
    );
    answered.push(...load.calls.filter(({ end }) => end === 'ok').map(({ text }) => text));

    gateway = await serveToolgate(t, { dataDir, config, ownerKey });
    const recorded = await callsByText(gateway);
    const reached = upstream.calls('tools/call').map(({ message }) => message.params.arguments.text);
    assert.ok(reached.length > 60 * round);
    for (const text of reached) assert.ok(recorded.has(text), `${text} reached the upstream and has no record`);
    for (const text of answered) assert.ok(recorded.has(text), `${text} was answered and has no record`);
    for (const [text, { decision, outcome }] of recorded) {
      assert.equal(decision, 'allow', text);
      assert.ok(outcome === 'ok' || outcome === 'unknown', `${text}: ${outcome}`);
    }
    const lost = [...recorded.values()].filter(({ outcome }) => outcome === 'unknown');
    unknown = lost.length;
    const report = await verifyGateway(gateway, kept);
    assert.equal(report.ok, true, JSON.stringify(report.firstFault));
    const reported = new Set(report.unknownOutcomes.map(({ requestId }) => requestId));
    for (const { requestId } of lost) assert.ok(reported.has(requestId), `${requestId} is not reported as unknown`);
    kept = (await gateway.admin('POST', '/audit/checkpoints')).body.checkpoint;
  }
  assert.ok(unknown > 0, 'calls were under way when the process was killed');
  assert.equal((await searchAudit(gateway, { action: 'tool.call', outcome: 'unknown' })).length, unknown);

  const names = new Set<string>();
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await gateway.admin('GET', `/service-accounts?limit=500${query}`);
    for (const { name } of body.items) names.add(name);
    cursor = body.nextCursor;
  } while (cursor !== null);
  assert.ok(created.length >= ROUNDS);
  for (const name of created) assert.ok(names.has(name), `${name} was acknowledged and is lost`);

  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  await until('no program of a killed gateway lives on', async () => {
    const lines = (await readFile(pids, 'utf8')).split('\n').filter((line) => line.includes('"pid"'));
    assert.equal(lines.length, ROUNDS + 1);
    return lines.every((line) => !isAlive(JSON.parse(line).pid));
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
