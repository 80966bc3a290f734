/**
 * More large bodies at once than there is memory for: what does not fit is turned away before it is read or parsed, the
 * process lives, and what fits is served.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { newDataDir, serveToolgate, until } from '../gateway-process.ts';
import { type Any, modernClient, textOf } from '../mcp-client.ts';

const MIB = 1024 * 1024;
/** Of Node's heap; an idle gateway needs about a third of it. */
const HEAP_MIB = 160;
const CALLS = 150;
const list = (length: number, make: (index: number) => unknown): unknown[] => Array.from({ length }, (_, i) => make(i));

/** JSON that stays what it is, and JSON that is many times as much once it is parsed. */
const BODIES: Readonly<Record<string, unknown>> = {
  'one text': 'x'.repeat(3.9 * MIB),
  'empty objects': list(130_000, () => ({})),
  'empty lists': list(130_000, () => []),
  'objects of no two shapes': list(30_000, (index) => ({ [`k${index}`]: 1 })),
  'numbers that need a place of their own': list(60_000, (index) => index + 0.5),
  'nested lists': list(10_000, () => [[[[[[[[[[]]]]]]]]]]),
};

for (const [what, payload] of Object.entries(BODIES)) {
  test(`${CALLS} large calls at once that nobody answers (${what}) in a heap of ${HEAP_MIB} MiB`, {
    timeout: 120_000,
  }, async (t) => {
    const upstream = await startModernUpstream();
    t.after(() => upstream.close());
    const gateway = await serveToolgate(t, {
      dataDir: await newDataDir(t),
      config: { upstreams: [{ name: 'fake', url: upstream.url }] },
      env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` },
    });
    const client = modernClient(`${gateway.url}/mcp/fake`, gateway.serviceKey);
    const echo = async (args: object): Promise<Any> => client.request('tools/call', { name: 'echo', arguments: args });
    await until('the upstream is ready', async () => (await client.request('tools/list')).body.includes('"wait"'));
    const ends: string[] = [];
    const calls = Array.from({ length: CALLS }, async () => {
      const reply = await client.request('tools/call', { name: 'wait', arguments: { payload } });
      const code = reply.message.error?.data.code ?? textOf(reply);
      if (code === 'overloaded') assert.ok(reply.status === 503 && Number(reply.headers['retry-after']) > 0);
      ends.push(code);
    });
    const waiting = () => upstream.calls('tools/call').filter(({ message }) => message.params.name === 'wait').length;
    await until('each was turned away or went out', () => ends.length + waiting() === CALLS);
    assert.ok(waiting() > 0 && ends.length > 0, `${waiting()} went out`);
    assert.deepEqual([...new Set(ends)], ['overloaded']);
    assert.equal(textOf(await echo({ text: 'a small one' })), 'a small one', 'there is always room for usual calls');

    upstream.behaviour.release();
    await Promise.all(calls);
    assert.equal(ends.filter((end) => end === 'released').length, waiting());
    await until('there is room again', async () => (await echo({ text: 'large', payload })).status === 200);
    assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  });
}
