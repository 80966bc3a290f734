/** An upstream behind a network that breaks: its own calls fail in time, the others' notice nothing, and it comes back. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type FaultMode, startFaultProxy } from '../fakes/fault-proxy.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { until } from '../gateway-process.ts';
import { startToolgate } from '../harness.ts';
import { modernClient, textOf } from '../mcp-client.ts';
import { startLoad } from './call-load.ts';

const TIMEOUT_MS = 500;

async function startBehindProxy(t: TestContext, era: 'modern' | 'legacy') {
  const [bad, good] = await Promise.all([
    era === 'modern' ? startModernUpstream() : startLegacyUpstream(),
    startModernUpstream(),
  ]);
  const proxy = await startFaultProxy(bad.url);
  const gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'bad', url: proxy.url, timeoutMs: TIMEOUT_MS },
        { name: 'good', url: good.url },
      ],
    },
  });
  t.after(async () => {
    await gateway.close();
    await Promise.all([proxy.close(), bad.close(), good.close()]);
  });
  const stateOf = (name: string) => gateway.app.upstreamStatus().find((status) => status.name === name)!.state;
  let last = 0;
  const client = modernClient(`${gateway.url}/mcp`, gateway.serviceKey);
  /** Calls the upstream behind the proxy; returns the error code, or `ok`. */
  const call = async (): Promise<{ text: string; end: string; message: string }> => {
    const text = `bad-${++last}`;
    const { message } = await client.request('tools/call', { name: 'bad__echo', arguments: { text } });
    if (message.result !== undefined) assert.equal(message.result.content[0].text, text);
    return { text, end: message.error?.data?.code ?? 'ok', message: message.error?.message ?? '' };
  };
  const reached = (text: string) =>
    bad.calls('tools/call').filter(({ message }) => message.params.arguments.text === text).length;
  await until('the upstream is ready', async () => (await call()).end === 'ok');
  return { bad, good, proxy, gateway, client, call, reached, stateOf };
}

const EXPECTED: Readonly<Record<Exclude<FaultMode, 'pass' | 'slow'>, RegExp>> = {
  hang: /^upstream_timeout$/,
  'half-open': /^upstream_timeout$/,
  reset: /^upstream_unavailable$/,
  midway: /^upstream_(unavailable|invalid)$/,
  close: /^upstream_unavailable$/,
};

for (const era of ['modern', 'legacy'] as const) {
  for (const [mode, expected] of Object.entries(EXPECTED)) {
    test(`${mode}, ${era}: calls fail, the breaker opens, others go on, it closes again`, {
      timeout: 90_000,
    }, async (t) => {
      const { proxy, gateway, client, call, reached, stateOf } = await startBehindProxy(t, era);
      const load = startLoad(`${gateway.url}/mcp/good`, gateway.serviceKey, { concurrency: 4 });
      proxy.mode = mode as FaultMode;

      let failed = 0;
      let refused: Awaited<ReturnType<typeof call>> | undefined;
      while (refused === undefined) {
        const result = await call();
        assert.notEqual(result.end, 'ok');
        if (/left alone for now/.test(result.message)) refused = result;
        else {
          failed++;
          assert.ok(failed <= 20, 'the breaker never opens');
          assert.match(result.end, /^upstream_(timeout|unavailable|invalid)$/);
          if (failed === 1) assert.match(result.end, expected);
          assert.ok(reached(result.text) <= 1, 'a call is never sent twice');
        }
      }
      assert.ok(failed >= 1);
      assert.equal(refused.end, 'upstream_unavailable');
      assert.match(refused.message, /Try again in \d+ s/);
      assert.equal(reached(refused.text), 0);
      assert.equal(stateOf('bad'), 'open-breaker');

      // Whoever lists all tools does not wait for it.
      const { message } = await client.request('tools/list');
      const names = message.result.tools.map(({ name }: { name: string }) => name);
      assert.ok(names.includes('good__echo'));
      const before = load.count('ok');
      await until('the others go on', () => load.count('ok') > before + 50);

      proxy.mode = 'pass';
      await until('it is called again', async () => (await call()).end === 'ok');
      await until('it is ready by itself', () => stateOf('bad') === 'ready');
      for (let i = 0; i < 10; i++) assert.equal((await call()).end, 'ok');
      await load.stop();
      assert.deepEqual(
        load.calls.filter(({ end }) => end !== 'ok'),
        [],
      );
      assert.equal(stateOf('good'), 'ready');
    });
  }
}

test('slow: an answer that keeps coming is waited for, however slowly it comes', { timeout: 60_000 }, async (t) => {
  const { proxy, call, stateOf } = await startBehindProxy(t, 'modern');
  proxy.mode = 'slow';
  for (let i = 0; i < 3; i++) assert.equal((await call()).end, 'ok');
  assert.equal(stateOf('bad'), 'ready');
});

test('an upstream that hangs takes its own places only, and gives them back', { timeout: 60_000 }, async (t) => {
  const [bad, good] = await Promise.all([startModernUpstream(), startModernUpstream()]);
  const proxy = await startFaultProxy(bad.url);
  const gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'bad', url: proxy.url, timeoutMs: 30_000, maxConcurrent: 5 },
        { name: 'good', url: good.url },
      ],
    },
  });
  t.after(async () => {
    await gateway.close();
    await Promise.all([proxy.close(), bad.close(), good.close()]);
  });
  const client = modernClient(`${gateway.url}/mcp`, gateway.serviceKey);
  const echo = (upstream: string) =>
    client.request('tools/call', { name: `${upstream}__echo`, arguments: { text: 'hello' } });
  proxy.mode = 'hang';
  const stuck = Array.from({ length: 5 }, () => client.open('tools/call', { name: 'bad__wait', arguments: {} }));
  for (const opened of stuck) opened.catch(() => {});
  await until('all places are taken', () => bad.calls('tools/call').length === 5);
  for (let i = 0; i < 20; i++) {
    assert.equal((await echo('bad')).message.error.data.code, 'upstream_busy');
    assert.equal(textOf(await echo('good')), 'hello');
  }
  assert.equal(bad.calls('tools/call').length, 5, 'what was refused did not go out');

  await proxy.close();
  for (const opened of stuck) {
    const answer = await opened;
    await answer.closed;
    assert.equal(answer.messages.at(-1).error.data.code, 'upstream_unavailable');
  }
  assert.equal(gateway.app.upstreamStatus().find(({ name }) => name === 'good')!.state, 'ready');
});

test('a stream that is cut in the middle ends with an error on it, and what had come is there', {
  timeout: 60_000,
}, async (t) => {
  const { proxy, gateway, reached, stateOf } = await startBehindProxy(t, 'modern');
  const client = modernClient(`${gateway.url}/mcp/bad`, gateway.serviceKey);
  const meta = { progressToken: 'p' };
  const answer = await client.open(
    'tools/call',
    { name: 'progress', arguments: { steps: 500, text: 'cut' } },
    { meta },
  );
  await answer.find(({ params }) => params?.progress === 5);
  proxy.mode = 'reset';
  await answer.closed;
  assert.ok(answer.complete, 'HTTP ends in order: the error is in the stream');
  const last = answer.messages.at(-1);
  assert.match(last.error.data.code, /^upstream_unavailable$/);
  assert.ok(answer.messages.length >= 6);
  assert.equal(reached('cut'), 1);
  proxy.mode = 'pass';
  await until('it goes on', async () => {
    const reply = await client.request('tools/call', { name: 'echo', arguments: { text: 'on' } });
    return reply.message.result?.content[0].text === 'on';
  });
  await until('it is ready', () => stateOf('bad') === 'ready');
});
