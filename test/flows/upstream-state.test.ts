/** The state of an upstream is that of its last exchange: one that was killed is not `ready` because it once was. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { FakeHttpUpstream } from '../fakes/upstream-http.ts';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient, send } from '../mcp-client.ts';

let fakes: Record<'modern' | 'legacy' | 'personal', FakeHttpUpstream>;
let gateway: TestGateway;

before(async () => {
  const [modern, legacy, personal] = await Promise.all([
    startModernUpstream(),
    startLegacyUpstream(),
    startModernUpstream(),
  ]);
  fakes = { modern, legacy, personal };
  const auth = { headersPerUser: ['X-Token'] };
  gateway = await startToolgate({
    config: {
      upstreams: [
        { name: 'modern', url: modern.url },
        { name: 'legacy', url: legacy.url },
        { name: 'personal', url: personal.url, auth },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  await Promise.all(Object.values(fakes).map((fake) => fake.close()));
});

const call = (name: string) =>
  modernClient(`${gateway.url}/mcp`, gateway.ownerKey).request('tools/call', {
    name: `${name}__echo`,
    arguments: { text: 'x' },
  });
const statusOf = async (name: string) => {
  const { body } = await gateway.admin('GET', '/upstreams');
  return body.items.find((one: { name: string }) => one.name === name).status;
};
const tried = async (name: string): Promise<boolean> =>
  (await gateway.admin('POST', `/upstreams/${name}/test`)).body.ok;
const readyMetric = async (name: string): Promise<string | undefined> => {
  const headers = { authorization: `Bearer ${gateway.ownerKey}` };
  const { body } = await send(`${gateway.url}/metrics`, { method: 'GET', headers });
  return body.split('\n').find((line) => line.startsWith('toolgate_upstream_ready{') && line.includes(`"${name}"`));
};

for (const name of ['modern', 'legacy'] as const) {
  test(`a ${name} upstream that is gone is failed after one failed call, and ready after one that went well`, async () => {
    const before = await statusOf(name);
    assert.equal(before.state, 'ready');
    await fakes[name].stop();
    assert.ok((await call(name)).message.error !== undefined);
    const down = await statusOf(name);
    assert.equal(down.state, 'failed');
    assert.equal(down.lastError.code, 'upstream_unavailable');
    assert.match(down.lastError.message, /cannot be reached|broke the connection/);
    assert.equal(down.tools, before.tools, 'what it offers stays known');
    assert.match(String(await readyMetric(name)), / 0$/);

    await fakes[name].restart();
    assert.ok((await call(name)).message.result !== undefined, 'calls are tried all the same');
    assert.equal((await statusOf(name)).state, 'ready');
    assert.equal((await statusOf(name)).lastError, null);
    assert.match(String(await readyMetric(name)), / 1$/);
  });

  test(`a test of a ${name} upstream that fails shows in its state, and one that passes, too`, async () => {
    await fakes[name].stop();
    assert.equal(await tried(name), false);
    const down = await statusOf(name);
    assert.deepEqual([down.state, down.lastError.code], ['failed', 'upstream_unavailable']);
    await fakes[name].restart();
    assert.equal(await tried(name), true);
    assert.equal((await statusOf(name)).state, 'ready');
  });
}

test('tests that fail do not keep calls away from an upstream', async () => {
  await fakes.modern.stop();
  for (let i = 0; i < 6; i++) assert.equal(await tried('modern'), false);
  assert.equal((await statusOf('modern')).state, 'failed', 'and not open-breaker');
  await fakes.modern.restart();
  assert.ok((await call('modern')).message.result !== undefined);
  assert.equal((await statusOf('modern')).state, 'ready');
});

test('with a credential per person, too, the last call or test tells the state', async () => {
  const stored = await gateway.admin('PUT', '/upstreams/personal/my-credential', { values: { 'X-Token': 'mine' } });
  assert.equal(stored.status, 200, JSON.stringify(stored.body));
  assert.ok((await call('personal')).message.result !== undefined);
  await fakes.personal.stop();
  assert.ok((await call('personal')).message.error !== undefined);
  assert.equal((await statusOf('personal')).state, 'failed');
  await fakes.personal.restart();
  assert.equal(await tried('personal'), true);
  assert.equal((await statusOf('personal')).state, 'ready');
});
