/** New data keys and a new master key while calls run: none fails, and each carries its credential. */
import assert from 'node:assert/strict';
import { copyFile, readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { type GatewayProcess, newDataDir, runToolgate, serveToolgate, until } from '../gateway-process.ts';
import { modernClient, textOf } from '../mcp-client.ts';
import { type Load, startLoad } from './call-load.ts';

const PEOPLE = 6;

async function startWithSecrets(t: TestContext) {
  const [shared, each] = await Promise.all([startModernUpstream(), startModernUpstream()]);
  t.after(() => Promise.all([shared.close(), each.close()]));
  const dataDir = await newDataDir(t);
  const config = {
    upstreams: [
      { name: 'shared', url: shared.url, auth: { headers: { Authorization: 'Bearer ${vault:token}' } } },
      { name: 'each', url: each.url, auth: { headersPerUser: ['X-Token'] } },
    ],
  };
  const gateway = await serveToolgate(t, { dataDir, config });
  const put = async (path: string, values: object): Promise<void> => {
    const { status, body } = await gateway.admin('PUT', path, { values });
    assert.equal(status, 200, JSON.stringify(body));
  };
  await put('/upstreams/shared/credential', { token: 'token-0' });
  const keys: string[] = [];
  for (let number = 0; number < PEOPLE; number++) {
    const { id } = (await gateway.admin('POST', '/service-accounts', { name: `robot-${number}` })).body;
    const subject = { kind: 'service_account', id };
    await gateway.admin('POST', '/role-assignments', { subject, role: 'full-access' });
    keys.push((await gateway.admin('POST', '/access-keys', { owner: subject, name: 'key' })).body.key);
    await put(`/upstreams/each/credentials/service_account/${id}`, { 'X-Token': `of robot ${number}` });
  }
  const ready = async (url: string): Promise<void> => {
    const client = modernClient(`${url}/mcp`, keys[0]);
    for (const name of ['shared__echo', 'each__echo']) {
      await until(`${name} is there`, async () => (await client.request('tools/list')).body.includes(`"${name}"`));
    }
  };
  await ready(gateway.url);
  return { shared, each, dataDir, config, gateway, keys, put, ready };
}

const rotate = (gateway: GatewayProcess, masterKey: boolean) => gateway.admin('POST', '/vault/rotate', { masterKey });

test('data keys and the master key are replaced again and again under load', { timeout: 120_000 }, async (t) => {
  const { shared, each, dataDir, config, gateway, keys, put, ready } = await startWithSecrets(t);
  const loads: Load[] = [
    startLoad(`${gateway.url}/mcp/shared`, keys[0]!, { concurrency: 6 }),
    ...keys.map((key) => startLoad(`${gateway.url}/mcp/each`, key, { concurrency: 2 })),
  ];
  const answered = () => Math.min(...loads.map((load) => load.count('ok')));
  await until('calls are answered', () => answered() > 10);
  const masterKeys = new Set([await readFile(join(dataDir, 'master.key'), 'utf8')]);
  let stored = 0;
  for (let round = 1; round <= 6; round++) {
    // A value that is stored meanwhile is neither lost nor replaced by what the rotation had read before.
    const [rotated] = await Promise.all([
      rotate(gateway, round % 2 === 0),
      put('/upstreams/shared/credential', { token: `token-${++stored}` }),
    ]);
    assert.equal(rotated.status, 200, JSON.stringify(rotated.body));
    assert.deepEqual(rotated.body.unreadable, []);
    assert.ok(rotated.body.secrets >= PEOPLE);
    masterKeys.add(await readFile(join(dataDir, 'master.key'), 'utf8'));
    const before = answered();
    await until('calls go on', () => answered() > before + 5);
    const last = shared.calls('tools/call').at(-1)!;
    assert.equal(last.headers.authorization, `Bearer token-${stored}`);
  }
  for (const load of loads) {
    await load.stop();
    assert.deepEqual(
      load.calls.filter(({ end }) => end !== 'ok'),
      [],
    );
  }
  assert.equal(masterKeys.size, 4, 'three new master keys');
  for (const { headers } of shared.calls('tools/call'))
    assert.match(String(headers.authorization), /^Bearer token-\d$/);
  const owners = new Map<string, string>();
  for (const { headers, message } of each.calls('tools/call')) {
    const load = message.params.arguments.text.replace(/-\d+$/, '');
    assert.match(String(headers['x-token']), /^of robot \d$/);
    assert.equal(owners.get(load) ?? headers['x-token'], headers['x-token'], 'nobody got the credential of another');
    owners.set(load, String(headers['x-token']));
  }
  assert.equal(new Set(owners.values()).size, PEOPLE);

  const concurrent = await Promise.all([rotate(gateway, true), rotate(gateway, true), rotate(gateway, false)]);
  for (const { status, body } of concurrent) assert.ok(status === 200 || status === 409, JSON.stringify(body));
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  const next = await serveToolgate(t, { dataDir, config, ownerKey: gateway.ownerKey });
  await ready(next.url);
  const reply = await modernClient(`${next.url}/mcp/each`, keys[3]).request('tools/call', {
    name: 'echo',
    arguments: { text: 'after' },
  });
  assert.equal(textOf(reply), 'after');
  assert.equal(each.calls('tools/call').at(-1)!.headers['x-token'], 'of robot 3');
});

test('kill -9 in the middle of a change of the master key: the next start finishes it', {
  timeout: 120_000,
}, async (t) => {
  const { shared, each, dataDir, config, gateway, keys, ready } = await startWithSecrets(t);
  let current = gateway;
  for (let round = 0; round < 5; round++) {
    const rotating = rotate(current, true).catch(() => undefined);
    await new Promise((done) => setTimeout(done, Math.random() * 30));
    await current.stop('SIGKILL');
    await rotating;
    current = await serveToolgate(t, { dataDir, config, ownerKey: gateway.ownerKey });
    await ready(current.url);
    const files = await readdir(dataDir);
    assert.deepEqual(
      files.filter((name) => name.startsWith('master.key')),
      ['master.key'],
      'one key is left',
    );
    for (const [index, key] of [...keys.entries()].slice(0, 3)) {
      const call = { name: 'echo', arguments: { text: `${round} ${index}` } };
      assert.equal(
        textOf(await modernClient(`${current.url}/mcp/each`, key).request('tools/call', call)),
        `${round} ${index}`,
      );
      assert.equal(each.calls('tools/call').at(-1)!.headers['x-token'], `of robot ${index}`);
    }
    const call = { name: 'echo', arguments: { text: `${round}` } };
    assert.equal(
      textOf(await modernClient(`${current.url}/mcp/shared`, keys[0]).request('tools/call', call)),
      `${round}`,
    );
    assert.equal(shared.calls('tools/call').at(-1)!.headers.authorization, 'Bearer token-0');
  }
});

test('the master key of before opens nothing any more, and says so', { timeout: 60_000 }, async (t) => {
  const { dataDir, gateway } = await startWithSecrets(t);
  const file = join(dataDir, 'master.key');
  await copyFile(file, `${dataDir}.old`);
  assert.equal((await rotate(gateway, true)).status, 200);
  await gateway.stop();
  await rename(`${dataDir}.old`, file);
  const program = runToolgate(t, ['serve', '--port', '0', '--data-dir', dataDir]);
  assert.equal((await program.exited).code, 1);
  assert.match(program.stderr(), /error: .*master key/i);
});
