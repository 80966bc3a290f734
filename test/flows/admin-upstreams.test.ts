import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { SHARED } from '../../src/vault/vault.ts';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const off = { url: 'http://127.0.0.1:9/mcp', enabled: false };
const storedValue = async (
  upstream: string,
  owner: { kind: 'shared' | 'user' | 'service_account'; id: string },
  name: string,
) => (await bench.vault.get({ tenantId: DEFAULT_TENANT, upstream, owner, name }))?.reveal();

test('an upstream is declared, listed with its state, changed and removed', async () => {
  const created = await bench.call('POST', '/upstreams', { name: 'github', ...off });
  assert.equal(created.status, 201);
  assert.equal(created.body.timeoutMs, 60_000);
  assert.equal(created.body.status.state, 'disabled');
  const names = (await bench.call('GET', '/upstreams')).body.items.map((one: { name: string }) => one.name);
  assert.deepEqual(names, ['from-file', 'github']);
  const changed = await bench.call(
    'PUT',
    '/upstreams/github',
    { ...off, enabled: true },
    { headers: { 'if-match': created.etag } },
  );
  assert.equal(changed.body.enabled, true);
  assert.notEqual(changed.body.status.state, 'disabled');
  const removed = await bench.call('DELETE', '/upstreams/github', undefined, { headers: { 'if-match': changed.etag } });
  assert.equal(removed.status, 204);
  assert.deepEqual(bench.changes.at(-1), { kind: 'upstreams' });
});

test('an upstream can be tried, and what is wrong with it is in the answer', async () => {
  await bench.call('POST', '/upstreams', { name: 'dead', ...off });
  const report = await bench.call('POST', '/upstreams/dead/test');
  assert.equal(report.status, 200);
  assert.equal(report.body.ok, false);
  assert.equal(report.body.stages[0].stage, 'reachability');
  assert.equal((await bench.call('POST', '/upstreams/nowhere/test')).status, 404);
});

test('a shared credential goes to the vault under the declared spelling of its header', async () => {
  await bench.call('POST', '/upstreams', {
    name: 'one',
    ...off,
    auth: { kind: 'headers', names: ['X-Api-Key', 'X-Team'] },
  });
  const stored = await bench.call('PUT', '/upstreams/one/credential', { values: { 'x-api-key': 'abc' } });
  assert.deepEqual(
    stored.body.values.map((value: { name: string }) => value.name),
    ['X-Api-Key'],
  );
  assert.equal(await storedValue('one', SHARED, 'X-Api-Key'), 'abc');
  assert.deepEqual(bench.changes.at(-1), { kind: 'credential', upstream: 'one', owner: SHARED });
  await bench.call('PUT', '/upstreams/one/credential', { values: { 'X-Team': 'core' } });
  assert.equal(await storedValue('one', SHARED, 'X-Api-Key'), 'abc', 'what is not named stays');
  const listed = await bench.call('GET', '/upstreams/one/credentials');
  assert.equal(listed.body.items.length, 2);
  assert.equal((await bench.call('DELETE', '/upstreams/one/credential')).status, 204);
  assert.equal((await bench.call('DELETE', '/upstreams/one/credential')).status, 404);
  assert.equal(await storedValue('one', SHARED, 'X-Api-Key'), undefined);
});

test('an upstream of the file takes the values of its vault references, and tells which names are none', async () => {
  const put = (values: object) => bench.call('PUT', '/upstreams/from-file/credential', { values });
  const stored = await put({ GITHUB_TOKEN: 'abc' });
  assert.equal(stored.status, 200);
  assert.deepEqual(stored.body.unused, []);
  assert.deepEqual(stored.body.references, [{ upstream: 'from-file', name: 'GITHUB_TOKEN' }]);
  assert.deepEqual((await put({ GITHUB_TOKNE: 'abc' })).body.unused, ['GITHUB_TOKNE']);
  await bench.call('DELETE', '/upstreams/from-file/credential');
  await put({ GITHUB_TOKEN: 'abc' });
  assert.equal(await storedValue('from-file', SHARED, 'GITHUB_TOKEN'), 'abc');
  assert.equal((await bench.call('PUT', '/upstreams/from-file/credential', { values: { 'a b': 'abc' } })).status, 422);
});

test('a personal credential is set by its person or by an admin, for upstreams that take one', async () => {
  await bench.call('POST', '/upstreams', {
    name: 'each',
    ...off,
    auth: { kind: 'headers-per-user', names: ['X-Token'] },
  });
  const { member, machine } = bench;
  const mine = '/upstreams/each/my-credential';
  assert.equal((await bench.call('PUT', mine, { values: { 'X-Token': 'of-mia' } }, { key: member.key })).status, 200);
  const path = `/upstreams/each/credentials/service_account/${machine.id}`;
  assert.equal((await bench.call('PUT', path, { values: { 'X-Token': 'of-ci' } })).status, 200);
  assert.equal(await storedValue('each', { kind: 'user', id: member.id }, 'X-Token'), 'of-mia');
  assert.equal(await storedValue('each', { kind: 'service_account', id: machine.id }, 'X-Token'), 'of-ci');
  assert.equal((await bench.call('DELETE', path)).status, 204);

  assert.equal((await bench.call('PUT', '/upstreams/each/credential', { values: { 'X-Token': 'x' } })).status, 409);
  assert.equal(
    (await bench.call('PUT', `/upstreams/one/credentials/user/${member.id}`, { values: { 'X-Team': 'x' } })).status,
    409,
  );
  for (const name of ['one', 'from-file', 'nowhere']) {
    const answer = await bench.call(
      'PUT',
      `/upstreams/${name}/my-credential`,
      { values: { 'X-Team': 'x' } },
      { key: member.key },
    );
    assert.equal(answer.status, 404, 'what takes no personal credential is like what does not exist');
  }
});

test('a key that was made for an agent does not change the credential of its person', async () => {
  const issued = await bench.call('POST', '/access-keys', {
    owner: { kind: 'user', id: bench.member.id },
    name: 'agent',
    tools: ['each__*'],
  });
  for (const [method, body] of [
    ['GET', undefined],
    ['PUT', { values: { 'X-Token': 'of-the-attacker' } }],
    ['DELETE', undefined],
  ] as const) {
    const answer = await bench.call(method, '/upstreams/each/my-credential', body, { key: issued.body.key });
    assert.equal(answer.status, 403, method);
  }
  assert.equal(await storedValue('each', { kind: 'user', id: bench.member.id }, 'X-Token'), 'of-mia');
});

test('values that no header can hold are refused without being repeated', async () => {
  for (const value of ['', ' x', 'x ', 'a\r\nX-Evil: 1', 'schlüssel-1234', 'a\u0001b']) {
    const answer = await bench.call('PUT', '/upstreams/one/credential', { values: { 'X-Team': value } });
    assert.equal(answer.status, 422, JSON.stringify(value));
    if (value.length > 3) assert.ok(!answer.text.includes(value.slice(0, 8)));
  }
});

test('the vault is re-encrypted while it is used, and two rotations at once do not get into each other’s way', async () => {
  await bench.call('PUT', '/upstreams/one/credential', { values: { 'X-Team': 'kept' } });
  const [first, second] = await Promise.all([
    bench.call('POST', '/vault/rotate'),
    bench.call('POST', '/vault/rotate', {}),
  ]);
  const [done, other] = first.status === 200 ? [first, second] : [second, first];
  assert.equal(done.status, 200);
  // The second is refused while the first runs, and runs when it is done already.
  assert.ok(other.status === 409 || other.status === 200);
  assert.ok(done.body.secrets >= 1);
  assert.deepEqual(done.body.unreadable, []);
  assert.equal(await storedValue('one', SHARED, 'X-Team'), 'kept');
  const refused = await bench.call('POST', '/vault/rotate', { masterKey: true });
  assert.equal(refused.status, 409);
});
