import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const explain = (body: object) => bench.call('POST', '/policy/explain', body);

test('roles are created, read, replaced and removed; built-in and declared ones are listed beside them', async () => {
  const created = await bench.call('POST', '/roles', { name: 'reader', allow: [{ upstream: 'a', tools: ['get_*'] }] });
  assert.equal(created.status, 201);
  const names = (await bench.call('GET', '/roles')).body.items.map(
    (role: { name: string; source: string }) => `${role.name} ${role.source}`,
  );
  assert.deepEqual(names, ['admin builtin', 'file-role file', 'owner builtin', 'reader api']);
  assert.equal((await bench.call('POST', '/roles', { name: 'reader' })).status, 409);
  const replaced = await bench.call(
    'PUT',
    '/roles/reader',
    { description: 'Reads.', allow: [{ upstream: '*', resources: ['*'] }] },
    { headers: { 'if-match': created.etag } },
  );
  assert.deepEqual(replaced.body.allow, [{ upstream: '*', resources: ['*'] }]);
  const removed = await bench.call('DELETE', '/roles/reader', undefined, { headers: { 'if-match': replaced.etag } });
  assert.equal(removed.status, 204);
  assert.equal((await bench.call('GET', '/roles/reader')).status, 404);
});

test('a role that is removed is taken from whoever had it, also when one of its name comes back', async () => {
  const first = await bench.call('POST', '/roles', { name: 'gone', allow: [{ upstream: '*' }] });
  await bench.call('POST', '/role-assignments', { role: 'gone', subject: { kind: 'user', id: bench.member.id } });
  const roles = async () => (await bench.call('GET', '/whoami', undefined, { key: bench.member.key })).body.roles;
  assert.ok((await roles()).includes('gone'));
  await bench.call('DELETE', '/roles/gone', undefined, { headers: { 'if-match': first.etag } });
  await bench.call('POST', '/roles', { name: 'gone', allow: [{ upstream: '*' }] });
  assert.ok(!(await roles()).includes('gone'));
});

test('explain says whether a call would go out, and everything that was looked at', async () => {
  await bench.call('POST', '/upstreams', { name: 'tools', url: 'http://127.0.0.1:9/mcp' });
  await bench.call('POST', '/roles', { name: 'getter', allow: [{ upstream: 'tools', tools: ['get_*'] }] });
  const { body: user } = await bench.call('POST', '/users', { name: 'asker' });
  const who = { principal: { kind: 'user', id: user.id }, upstream: 'tools' };

  const denied = (await explain({ ...who, tool: 'get_x' })).body;
  assert.equal(denied.allowed, false);
  assert.match(denied.reason, /no role/);
  assert.deepEqual(denied.rolesThatWouldAllow, [
    { role: 'getter', everything: false },
    { role: 'file-role', everything: true },
    { role: 'gone', everything: true },
  ]);
  assert.deepEqual(denied.newRole, { name: 'tools-get-x', allow: [{ upstream: 'tools', tools: ['get_x'] }] });

  await bench.call('POST', '/role-assignments', { role: 'getter', subject: { kind: 'user', id: user.id } });
  const allowed = (await explain({ principal: { kind: 'user', name: 'ASKER' }, upstream: 'tools', tool: 'get_x' }))
    .body;
  assert.equal(allowed.allowed, true);
  assert.equal(allowed.rules[0].id, 'getter/allow/0');
  assert.deepEqual(
    allowed.checks.map((check: { check: string }) => check.check),
    ['principal', 'upstream', 'catalogue', 'roles'],
  );
  assert.equal((await explain({ ...who, tool: 'delete_x' })).body.allowed, false);
  assert.equal((await explain({ ...who, prompt: 'get_x' })).body.allowed, false);

  const issued = await bench.call('POST', '/access-keys', {
    owner: { kind: 'user', id: user.id },
    name: 'k',
    tools: ['tools__get_a*'],
  });
  const key = issued.body.accessKey.id;
  assert.equal((await explain({ ...who, key, tool: 'get_abc' })).body.allowed, true);
  const narrowed = (await explain({ ...who, key, tool: 'get_x' })).body;
  assert.equal(narrowed.allowed, false);
  assert.equal(narrowed.checks.at(-1).check, 'key tools');
  await bench.call('POST', `/access-keys/${key}/revoke`);
  assert.match((await explain({ ...who, key, tool: 'get_abc' })).body.reason, /revoked/);
  await bench.call('POST', `/users/${user.id}/disable`);
  assert.match((await explain({ ...who, tool: 'get_x' })).body.reason, /disabled/);
});

test('explain refuses what it cannot answer', async () => {
  const principal = { kind: 'user', id: bench.member.id };
  assert.equal((await explain({ principal, upstream: 'from-file' })).status, 422);
  assert.equal((await explain({ principal, upstream: 'from-file', tool: 'a', prompt: 'b' })).status, 422);
  assert.equal((await explain({ principal: { kind: 'user' }, upstream: 'from-file', tool: 'a' })).status, 422);
  assert.equal((await explain({ principal, upstream: 'nowhere', tool: 'a' })).status, 404);
  assert.equal((await explain({ principal, key: bench.owner.keyId, upstream: 'from-file', tool: 'a' })).status, 404);
});
