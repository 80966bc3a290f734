import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const withKey = (key: string, more: { key?: string } = {}) => ({ headers: { 'idempotency-key': key }, ...more });

test('a request that is repeated with its Idempotency-Key acts once and gets the first answer again', async () => {
  const first = await bench.call('POST', '/users', { name: 'once' }, withKey('create-once'));
  const second = await bench.call('POST', '/users', { name: 'once' }, withKey('create-once'));
  assert.equal(second.status, 201);
  assert.deepEqual(second.body, first.body);
  assert.equal(second.etag, first.etag);
  assert.equal(first.headers['idempotency-replayed'], undefined);
  assert.equal(second.headers['idempotency-replayed'], 'true');
  await bench.audit.flush();
  const { entries } = await bench.audit.search({ tenantId: 'default', action: 'user.create', tool: 'once' });
  assert.equal(entries.length, 1);
});

test('of simultaneous repetitions one acts; the others get its answer or are told that it is under way', async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => bench.call('POST', '/groups', { name: 'crowd' }, withKey('crowd'))),
  );
  const created = answers.filter((answer) => answer.status === 201);
  assert.equal(new Set(created.map((answer) => answer.body.id)).size, 1);
  assert.ok(answers.every((answer) => answer.status === 201 || /not finished/.test(answer.body.detail)));
  assert.equal((await bench.call('GET', '/groups?name=crowd')).body.items.length, 1);
});

test('the same key with another body, path or method is refused', async () => {
  await bench.call('POST', '/users', { name: 'first-use' }, withKey('reused'));
  for (const [path, body] of [
    ['/users', { name: 'second-use' }],
    ['/groups', { name: 'first-use' }],
  ] as const) {
    const answer = await bench.call('POST', path, body, withKey('reused'));
    assert.equal(answer.status, 422);
    assert.match(answer.body.detail, /another request/);
  }
});

test('keys belong to the principal: another one’s same key is another key', async () => {
  const first = await bench.call('POST', '/users', { name: 'mine' }, withKey('shared-key'));
  const other = await bench.call('POST', '/users', { name: 'theirs' }, withKey('shared-key', { key: bench.admin.key }));
  assert.deepEqual([first.body.name, other.body.name], ['mine', 'theirs']);
});

test('what failed can be tried again with the same key', async () => {
  const body = { role: 'later', subject: { kind: 'user', id: bench.member.id } };
  assert.equal((await bench.call('POST', '/role-assignments', body, withKey('retry'))).status, 422);
  await bench.call('POST', '/roles', { name: 'later' });
  assert.equal((await bench.call('POST', '/role-assignments', body, withKey('retry'))).status, 201);
});

test('the repetition of a request that created a key does not show the key, which is stored nowhere', async () => {
  const body = { owner: { kind: 'user', id: bench.member.id }, name: 'repeated' };
  const first = await bench.call('POST', '/access-keys', body, withKey('key-once'));
  assert.match(first.body.key, /^tgp_/);
  const second = await bench.call('POST', '/access-keys', body, withKey('key-once'));
  assert.equal(second.status, 201);
  assert.equal(second.body.key, null);
  assert.deepEqual(second.body.accessKey, first.body.accessKey);

  const rotate = `/access-keys/${first.body.accessKey.id}/rotate`;
  const rotated = await bench.call('POST', rotate, {}, withKey('rotate-once'));
  assert.equal((await bench.call('POST', rotate, {}, withKey('rotate-once'))).body.key, null);
  for (const file of ['toolgate.db', 'toolgate.db-wal']) {
    const stored = await readFile(join(bench.dataDir, file), 'latin1');
    for (const key of [first.body.key, rotated.body.key]) assert.ok(!stored.includes(key.slice(8)), file);
  }
});

test('a key that is none is refused', async () => {
  for (const key of ['', ' ', 'x'.repeat(256), 'a b']) {
    const answer = await bench.call('POST', '/users', { name: 'badkey' }, withKey(key));
    assert.equal(answer.status, 400, JSON.stringify(key));
  }
  assert.deepEqual((await bench.call('GET', '/users?name=badkey')).body.items, []);
});
