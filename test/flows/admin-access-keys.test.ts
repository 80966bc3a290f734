import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const ofMember = () => ({ kind: 'user', id: bench.member.id });

async function create(more: Record<string, unknown> = {}) {
  const answer = await bench.call('POST', '/access-keys', { owner: ofMember(), name: 'test', ...more });
  assert.equal(answer.status, 201, answer.text);
  return answer.body as { key: string; accessKey: { id: string; [name: string]: unknown } };
}

test('a user gets a personal key, a service account a service key, and both work', async () => {
  const personal = await create();
  assert.match(personal.key, /^tgp_[0-9A-Za-z]{49}$/);
  assert.equal(personal.accessKey.kind, 'personal');
  const service = await create({ owner: { kind: 'service_account', id: bench.machine.id } });
  assert.match(service.key, /^tgs_/);
  assert.equal(service.accessKey.kind, 'service');
  for (const { key } of [personal, service]) assert.ok(await bench.accepts(key));
});

test('a key carries its limits, in canonical form', async () => {
  const expiresAt = Date.now() + 60_000;
  const { accessKey, key } = await create({
    expiresAt,
    cidrs: ['10.0.0.0/8', '127.0.0.1', '10.0.0.0/8'],
    roles: ['file-role'],
    tools: ['github__get_*'],
  });
  assert.equal(accessKey.expiresAt, expiresAt);
  assert.deepEqual(accessKey.cidrs, ['10.0.0.0/8', '127.0.0.1/32']);
  assert.deepEqual(accessKey.roles, ['file-role']);
  const who = await bench.call('GET', '/whoami', undefined, { key });
  assert.deepEqual(who.body.restriction, { roles: ['file-role'], tools: ['github__get_*'] });
});

test('limits that make no sense are refused', async () => {
  for (const more of [
    { expiresAt: Date.now() - 1 },
    { expiresAt: Date.now() + 1000, ttlSeconds: 5 },
    { ttlSeconds: 0 },
    { cidrs: ['10.1.2.3/8'] },
    { cidrs: ['example.com'] },
    { roles: ['no-such-role'] },
    { tools: [''] },
    { name: '' },
    { name: 'a\nb' },
  ]) {
    const answer = await bench.call('POST', '/access-keys', { owner: ofMember(), name: 'test', ...more });
    assert.equal(answer.status, 422, JSON.stringify(more));
  }
  const nobody = { kind: 'user', id: `usr_${'0'.repeat(26)}` };
  assert.equal((await bench.call('POST', '/access-keys', { owner: nobody, name: 'x' })).status, 404);
  const crossed = { kind: 'service_account', id: bench.member.id };
  assert.equal((await bench.call('POST', '/access-keys', { owner: crossed, name: 'x' })).status, 404);
});

test('no key is issued to a disabled owner', async () => {
  const { body: user } = await bench.call('POST', '/users', { name: 'asleep' });
  const { accessKey } = await create({ owner: { kind: 'user', id: user.id } });
  await bench.call('POST', `/users/${user.id}/disable`);
  const created = await bench.call('POST', '/access-keys', { owner: { kind: 'user', id: user.id }, name: 'x' });
  assert.equal(created.status, 409);
  assert.equal((await bench.call('POST', `/access-keys/${accessKey.id}/rotate`)).status, 409);
});

test('a key that is revoked is refused from the next request on, and stays revoked', async () => {
  const { accessKey, key } = await create();
  assert.ok(await bench.accepts(key));
  const revoked = await bench.call('POST', `/access-keys/${accessKey.id}/revoke`);
  assert.equal(revoked.body.status, 'revoked');
  assert.ok(!(await bench.accepts(key)));
  assert.deepEqual(bench.changes.at(-1), { kind: 'key-revoked', keyId: accessKey.id });
  const again = await bench.call('POST', `/access-keys/${accessKey.id}/revoke`);
  assert.equal(again.body.revokedAt, revoked.body.revokedAt);
  assert.equal((await bench.call('POST', `/access-keys/${accessKey.id}/rotate`)).status, 422);
  const patched = await bench.call(
    'PATCH',
    `/access-keys/${accessKey.id}`,
    { name: 'x' },
    { headers: { 'if-match': '*' } },
  );
  assert.equal(patched.status, 409);
});

test('a key can be revoked with itself', async () => {
  const { body } = await bench.call('POST', '/access-keys', {
    owner: { kind: 'user', id: bench.admin.id },
    name: 'own',
  });
  const own = { key: body.key };
  assert.equal((await bench.call('POST', `/access-keys/${body.accessKey.id}/revoke`, undefined, own)).status, 200);
  assert.equal((await bench.call('GET', '/whoami', undefined, own)).status, 401);
});

test('a rotation gives a successor with the same limits; both work for the overlap, without one the old key ends', async () => {
  const first = await create({ tools: ['a__*'] });
  const second = await bench.call('POST', `/access-keys/${first.accessKey.id}/rotate`, { overlapSeconds: 3600 });
  assert.equal(second.status, 201);
  assert.deepEqual(second.body.accessKey.tools, ['a__*']);
  assert.equal(second.body.replaced.successorId, second.body.accessKey.id);
  assert.ok(second.body.replaced.expiresAt <= Date.now() + 3_600_000);
  assert.ok(await bench.accepts(first.key));
  assert.ok(await bench.accepts(second.body.key));
  assert.equal((await bench.call('POST', `/access-keys/${first.accessKey.id}/rotate`)).status, 409, 'only once');

  const third = await bench.call('POST', `/access-keys/${second.body.accessKey.id}/rotate`);
  assert.ok(!(await bench.accepts(second.body.key)));
  assert.ok(await bench.accepts(third.body.key));
});

test('a changed limit is effective at the next request', async () => {
  const { accessKey, key } = await create();
  assert.ok(await bench.accepts(key));
  const at = `/access-keys/${accessKey.id}`;
  const narrowed = await bench.call('PATCH', at, { cidrs: ['192.0.2.0/24'] }, { headers: { 'if-match': '*' } });
  assert.deepEqual(narrowed.body.cidrs, ['192.0.2.0/24']);
  assert.equal((await bench.call('GET', '/whoami', undefined, { key })).body.code, 'address_not_allowed');
  await bench.call('PATCH', at, { cidrs: [], name: 'renamed' }, { headers: { 'if-match': '*' } });
  assert.equal((await bench.call('GET', '/whoami', undefined, { key })).body.agent.name, 'renamed');
});

test('keys are listed by owner and by status', async () => {
  const { body: account } = await bench.call('POST', '/service-accounts', { name: 'lister' });
  const owner = { kind: 'service_account', id: account.id };
  const alive = await create({ owner });
  const dead = await create({ owner });
  await bench.call('POST', `/access-keys/${dead.accessKey.id}/revoke`);
  const idsAt = async (path: string) =>
    (await bench.call('GET', path)).body.items.map((item: { id: string }) => item.id);
  assert.deepEqual(await idsAt(`/access-keys?owner=${account.id}`), [alive.accessKey.id, dead.accessKey.id]);
  assert.deepEqual(await idsAt(`/access-keys?owner=${account.id}&status=active`), [alive.accessKey.id]);
  assert.deepEqual(await idsAt(`/access-keys?owner=${account.id}&status=revoked`), [dead.accessKey.id]);
  assert.deepEqual(await idsAt(`/service-accounts/${account.id}/access-keys`), [alive.accessKey.id, dead.accessKey.id]);
});
