/** The configuration file is read again while the gateway runs: what changed changes, and nothing else notices. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { startLegacyUpstream } from '../fakes/upstream-legacy.ts';
import { startModernUpstream } from '../fakes/upstream-modern.ts';
import { startLoad } from '../faults/call-load.ts';
import {
  configFileOf,
  type GatewayProcess,
  newDataDir,
  serveToolgate,
  until,
  writeConfig,
} from '../gateway-process.ts';
import { legacyClient, listAll, modernClient, textOf } from '../mcp-client.ts';

const READ_AGAIN = /The configuration was read again/g;

/** Writes another configuration, asks for it with SIGHUP, and waits until it was read. */
async function reload(gateway: GatewayProcess, dataDir: string, config: object): Promise<void> {
  const times = () => [...gateway.stderr().matchAll(READ_AGAIN)].length;
  const before = times();
  await writeConfig(dataDir, config);
  gateway.child.kill('SIGHUP');
  await until('the configuration was read again', () => times() > before);
}

async function startUpstreams(t: TestContext) {
  const [kept, old, added] = await Promise.all([startModernUpstream(), startModernUpstream(), startLegacyUpstream()]);
  t.after(() => Promise.all([kept.close(), old.close(), added.close()]));
  return {
    kept: { fake: kept, entry: { name: 'kept', url: kept.url } },
    old: { fake: old, entry: { name: 'old', url: old.url } },
    added: { fake: added, entry: { name: 'added', url: added.url } },
  };
}

const readyUpstreams = async (gateway: GatewayProcess): Promise<string> => {
  const { body } = await gateway.admin('GET', '/upstreams');
  const ready = body.items.filter(({ status }: { status: { state: string } }) => status.state === 'ready');
  return ready
    .map(({ name }: { name: string }) => name)
    .sort()
    .join();
};

test('SIGHUP: an upstream comes, another goes, and what is open over the third goes on', {
  timeout: 60_000,
}, async (t) => {
  const { kept, old, added } = await startUpstreams(t);
  const dataDir = await newDataDir(t);
  const gateway = await serveToolgate(t, { dataDir, config: { upstreams: [kept.entry, old.entry] } });
  const { url, serviceKey } = gateway;
  await until('both are ready', async () => (await readyUpstreams(gateway)) === 'kept,old');
  const client = modernClient(`${url}/mcp`, serviceKey);
  const upstreamsOf = (tools: { name: string }[]) => [...new Set(tools.map(({ name }) => name.split('__')[0]))].sort();
  assert.deepEqual(upstreamsOf(await listAll(client, 'tools/list', 'tools')), ['kept', 'old']);

  const listening = await client.open('subscriptions/listen', { notifications: { toolsListChanged: true } });
  await listening.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
  const session = await legacyClient(`${url}/mcp/kept`, serviceKey);
  const serverStream = await session.listen();
  const long = client.open('tools/call', { name: 'kept__wait', arguments: {} });
  await until('the call is under way', () => kept.fake.calls('tools/call').length === 1);
  const load = startLoad(`${url}/mcp/kept`, serviceKey!, { concurrency: 8 });
  await until('calls are answered', () => load.count('ok') > 20);
  const hellos = kept.fake.calls('server/discover').length;

  await reload(gateway, dataDir, { upstreams: [kept.entry, added.entry] });
  await until('the new one is ready', async () => (await readyUpstreams(gateway)) === 'added,kept');
  assert.deepEqual(upstreamsOf(await listAll(client, 'tools/list', 'tools')), ['added', 'kept']);
  const called = await client.request('tools/call', { name: 'added__echo', arguments: { text: 'hello' } });
  assert.equal(textOf(called), 'hello');
  const gone = await client.request('tools/call', { name: 'old__echo', arguments: { text: 'hello' } });
  assert.equal(gone.message.error.code, -32602, 'as if it had never been there');
  assert.equal(old.fake.calls('tools/call').length, 0);
  await listening.find(({ method }) => method === 'notifications/tools/list_changed');

  const before = load.count('ok');
  await until('calls go on', () => load.count('ok') > before + 20);
  await load.stop();
  assert.deepEqual(
    load.calls.filter(({ end }) => end !== 'ok'),
    [],
  );
  assert.equal(kept.fake.calls('server/discover').length, hellos, 'the unchanged upstream was not connected anew');
  kept.fake.behaviour.release();
  const answer = await long;
  await answer.closed;
  assert.equal(answer.messages.at(-1).result.content[0].text, 'released');
  assert.equal((await session.request('ping')).status, 200, 'the session lives');
  assert.ok(!serverStream.http.destroyed && !serverStream.complete, 'its stream, too');
  assert.ok(!listening.http.destroyed && !listening.complete);
  serverStream.close();
  listening.close();
});

test('a role of the file comes, changes and goes with it, from the next call on', { timeout: 60_000 }, async (t) => {
  const { kept } = await startUpstreams(t);
  const dataDir = await newDataDir(t);
  const withRoles = (...roles: object[]) => ({ upstreams: [kept.entry], roles });
  const gateway = await serveToolgate(t, { dataDir, config: withRoles() });
  await until('it is ready', async () => (await readyUpstreams(gateway)) === 'kept');
  const account = (await gateway.admin('POST', '/service-accounts', { name: 'robot' })).body;
  const owner = { kind: 'service_account', id: account.id };
  const { key } = (await gateway.admin('POST', '/access-keys', { owner, name: 'robot key' })).body;
  const robot = modernClient(`${gateway.url}/mcp`, key);
  const tools = async () => (await listAll(robot, 'tools/list', 'tools')).map(({ name }) => name).sort();
  const assignment = { subject: owner, role: 'from-file' };
  assert.equal((await gateway.admin('POST', '/role-assignments', assignment)).status, 422, 'there is no such role yet');

  const role = (...names: string[]) => ({ name: 'from-file', allow: [{ upstream: 'kept', tools: names }] });
  await reload(gateway, dataDir, withRoles(role('echo', 'late')));
  const assigned = await gateway.admin('POST', '/role-assignments', assignment);
  assert.equal(assigned.status, 201, JSON.stringify(assigned.body));
  assert.deepEqual(await tools(), ['kept__echo', 'kept__late']);

  await reload(gateway, dataDir, withRoles(role('late', 'delete')));
  assert.deepEqual(await tools(), ['kept__delete', 'kept__late']);
  const denied = await robot.request('tools/call', { name: 'kept__echo', arguments: { text: 'x' } });
  assert.equal(denied.message.error.code, -32602);

  await reload(gateway, dataDir, withRoles());
  assert.deepEqual(await tools(), []);
  assert.equal(kept.fake.calls('tools/call').length, 0);
});

test('a configuration with a fault changes nothing, however often it is read', { timeout: 60_000 }, async (t) => {
  const { kept, added } = await startUpstreams(t);
  const dataDir = await newDataDir(t);
  const gateway = await serveToolgate(t, { dataDir, config: { upstreams: [kept.entry] } });
  await until('it is ready', async () => (await readyUpstreams(gateway)) === 'kept');
  const client = modernClient(`${gateway.url}/mcp`, gateway.serviceKey);
  const refusals = () => [...gateway.stderr().matchAll(/was not read again/g)].length;
  const faulty: Readonly<Record<string, string | object>> = {
    'no YAML': 'upstreams: [',
    'an empty file': '',
    'a file with nothing but comments': '# upstreams:\n',
    'a file that was cut off before its upstreams': 'listen: { port: 0 }\nupstrea',
    'a file without upstreams': { log: { level: 'info' } },
    'an unknown key': { upstreams: [added.entry], upstream: [] },
    'a faulty upstream beside a good one': { upstreams: [added.entry, { name: 'bad', url: 'nonsense' }] },
    'a role without sense': { upstreams: [added.entry], roles: [{ name: 'r', allow: [{ tool: 'x' }] }] },
    'a variable that is not set': {
      upstreams: [{ ...added.entry, auth: { headers: { Authorization: 'Bearer ${env:NOT_SET_ANYWHERE}' } } }],
    },
    'a name that is taken over the API': { upstreams: [kept.entry, { ...added.entry, name: 'over-api' }] },
  };
  const overApi = { name: 'over-api', url: added.fake.url, enabled: false };
  assert.equal((await gateway.admin('POST', '/upstreams', overApi)).status, 201);
  for (const [what, config] of Object.entries(faulty)) {
    const before = refusals();
    if (typeof config === 'string') await writeFile(configFileOf(dataDir), config);
    else await writeConfig(dataDir, config);
    gateway.child.kill('SIGHUP');
    await until(`${what} is refused`, () => refusals() > before);
    const names = (await gateway.admin('GET', '/upstreams')).body.items.map(({ name }: { name: string }) => name);
    assert.deepEqual(names.sort(), ['kept', 'over-api'], what);
    const reply = await client.request('tools/call', { name: 'kept__echo', arguments: { text: what } });
    assert.equal(textOf(reply), what);
  }
  assert.doesNotMatch(gateway.stderr(), /^\s+at /m, 'faults are told without a stack');
  assert.equal(added.fake.received.length, 0);

  await rm(configFileOf(dataDir));
  const before = refusals();
  gateway.child.kill('SIGHUP');
  await until('a file that is gone is refused', () => refusals() > before);
  assert.match(gateway.stderr(), /data\.yaml {2}upstreams\n.* as if it had been cut off\. .*`upstreams: \[\]`/);

  await reload(gateway, dataDir, { upstreams: [kept.entry, added.entry] });
  await until('what is right again is read', async () => (await readyUpstreams(gateway)).includes('added'));
  await reload(gateway, dataDir, { upstreams: [] });
  assert.equal(await readyUpstreams(gateway), '', 'all may go when the file says so');
});

test('what can change only at a start is named, and keeps its value', { timeout: 60_000 }, async (t) => {
  const { kept } = await startUpstreams(t);
  const dataDir = await newDataDir(t);
  const gateway = await serveToolgate(t, { dataDir, config: { upstreams: [kept.entry] } });
  const { url } = gateway;
  await reload(gateway, dataDir, {
    upstreams: [kept.entry],
    listen: { port: 1 },
    audit: { mode: 'async' },
    log: { level: 'trace' },
  });
  assert.match(gateway.stderr(), /take effect at the next start: .*listen\.port/);
  assert.match(gateway.stderr(), /take effect at the next start: .*audit/);
  assert.doesNotMatch(gateway.stderr(), /next start: .*log\.level/);
  assert.equal((await fetch(`${url}/healthz`)).status, 200);
});

test('limits that can change live count from the next request on; the others are named', {
  timeout: 60_000,
}, async (t) => {
  const { kept } = await startUpstreams(t);
  const dataDir = await newDataDir(t);
  const gateway = await serveToolgate(t, { dataDir, config: { upstreams: [kept.entry] } });
  await until('it is ready', async () => (await readyUpstreams(gateway)) === 'kept');
  const client = modernClient(`${gateway.url}/mcp/kept`, gateway.serviceKey);
  const page = async () => (await client.request('tools/list')).message.result;
  const deep = JSON.parse(`${'['.repeat(40)}1${']'.repeat(40)}`);
  const call = async () =>
    (await client.request('tools/call', { name: 'echo', arguments: { text: 'x', deep } })).message;
  const session = () => legacyClient(`${gateway.url}/mcp/kept`, gateway.serviceKey!);
  const first = await session();
  assert.equal((await page()).nextCursor, undefined);
  assert.equal((await call()).error, undefined);

  const limits = { listPageSize: 2, depth: 20, maxSessionsPerPrincipal: 1, bodyBytes: 2048, requestTimeoutMs: 9000 };
  await reload(gateway, dataDir, { upstreams: [kept.entry], limits });
  assert.match(gateway.stderr(), /take effect at the next start: limits\.bodyBytes, limits\.requestTimeoutMs\.\n/);
  const { tools, nextCursor } = await page();
  assert.deepEqual([tools.length, typeof nextCursor], [2, 'string']);
  assert.match((await call()).error.message, /deeper than 20/);
  const second = await session();
  assert.deepEqual([(await first.request('ping')).status, (await second.request('ping')).status], [404, 200]);
});

test('many wishes at once are all fulfilled, in their order', { timeout: 60_000 }, async (t) => {
  const { kept, old, added } = await startUpstreams(t);
  const dataDir = await newDataDir(t);
  const gateway = await serveToolgate(t, { dataDir, config: { upstreams: [kept.entry] } });
  const load = startLoad(`${gateway.url}/mcp/kept`, gateway.serviceKey!, { concurrency: 4 });
  for (let i = 0; i < 20; i++) {
    await writeConfig(dataDir, { upstreams: [kept.entry, ...(i % 2 === 0 ? [old.entry] : [added.entry])] });
    gateway.child.kill('SIGHUP');
    await new Promise((done) => setTimeout(done, 20));
  }
  await until('the last one counts', async () => {
    const { body } = await gateway.admin('GET', '/upstreams');
    return (
      body.items
        .map(({ name }: { name: string }) => name)
        .sort()
        .join() === 'added,kept'
    );
  });
  await load.stop();
  assert.ok(load.count('ok') > 0);
  // Until the upstream was known for the first time, its tools were not.
  const first = load.calls.findIndex(({ end }) => end === 'ok');
  assert.deepEqual(
    load.calls.slice(first).filter(({ end }) => end !== 'ok'),
    [],
  );
});
