import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

for (const [path, more] of [
  ['/users', { displayName: 'Ann Example' }],
  ['/service-accounts', { description: 'Deploys.' }],
] as const) {
  test(`${path}: create, read, change, find and remove`, async () => {
    const created = await bench.call('POST', path, { name: 'ann', ...more });
    assert.equal(created.status, 201);
    assert.equal(created.etag, created.body.etag);
    const at = `${path}/${created.body.id}`;

    const changed = await bench.call('PATCH', at, { name: 'anna' }, { headers: { 'if-match': created.etag } });
    assert.equal(changed.status, 200);
    assert.equal(changed.body.name, 'anna');
    assert.deepEqual({ ...changed.body, ...more }, changed.body, 'what was not named stays');
    assert.deepEqual((await bench.call('GET', at)).body, changed.body);

    const found = await bench.call('GET', `${path}?name=ANNA`);
    assert.deepEqual(
      found.body.items.map((item: { id: string }) => item.id),
      [created.body.id],
    );
    const removed = await bench.call('DELETE', at, undefined, { headers: { 'if-match': changed.etag } });
    assert.equal(removed.status, 204);
    assert.equal((await bench.call('GET', at)).status, 404);
  });

  test(`${path}: a name that is taken is a conflict, whatever its case`, async () => {
    await bench.call('POST', path, { name: 'Twin' });
    const second = await bench.call('POST', path, { name: 'tWIN' });
    assert.equal(second.status, 409);
    assert.match(second.body.detail, /name already/);
  });
}

test('disabling a user refuses their keys at once, enabling lets them in again', async () => {
  const { body: user } = await bench.call('POST', '/users', { name: 'dora' });
  const { body: issued } = await bench.call('POST', '/access-keys', {
    owner: { kind: 'user', id: user.id },
    name: 'cli',
  });
  assert.ok(await bench.accepts(issued.key));

  const disabled = await bench.call('POST', `/users/${user.id}/disable`);
  assert.equal(disabled.body.status, 'disabled');
  assert.ok(!(await bench.accepts(issued.key)));
  assert.deepEqual(bench.changes.at(-1), {
    kind: 'principal-changed',
    principalKind: 'user',
    id: user.id,
    disabled: true,
  });
  const list = await bench.call('GET', '/users?status=disabled');
  assert.ok(list.body.items.some((item: { id: string }) => item.id === user.id));

  await bench.call('POST', `/users/${user.id}/enable`);
  assert.ok(await bench.accepts(issued.key));
});

test('removing a user takes their keys, credentials and memberships along', async () => {
  const { body: user, etag } = await bench.call('POST', '/users', { name: 'fred' });
  const { body: issued } = await bench.call('POST', '/access-keys', {
    owner: { kind: 'user', id: user.id },
    name: 'cli',
  });
  const removed = await bench.call('DELETE', `/users/${user.id}`, undefined, { headers: { 'if-match': etag } });
  assert.equal(removed.status, 204);
  assert.ok(!(await bench.accepts(issued.key)));
  assert.equal((await bench.call('GET', `/access-keys/${issued.accessKey.id}`)).status, 404);
});

test('a group gives its roles to its members, and effective roles say where they come from', async () => {
  const { body: user } = await bench.call('POST', '/users', { name: 'gina' });
  const { body: group } = await bench.call('POST', '/groups', { name: 'engineers' });
  await bench.call('POST', '/role-assignments', { role: 'file-role', subject: { kind: 'group', id: group.id } });
  await bench.call('POST', '/role-assignments', { role: 'file-role', subject: { kind: 'user', id: user.id } });
  assert.equal((await bench.call('PUT', `/groups/${group.id}/members/${user.id}`)).status, 200);
  assert.equal((await bench.call('PUT', `/groups/${group.id}/members/${user.id}`)).status, 200, 'twice is no error');

  const roles = await bench.call('GET', `/users/${user.id}/effective-roles`);
  assert.deepEqual(roles.body.roles, [
    { role: 'file-role', direct: true, groups: [{ id: group.id, name: 'engineers' }] },
  ]);
  const members = await bench.call('GET', `/groups/${group.id}/members`);
  assert.deepEqual(
    members.body.items.map((item: { id: string }) => item.id),
    [user.id],
  );
  const groups = await bench.call('GET', `/users/${user.id}/groups`);
  assert.equal(groups.body.items[0].name, 'engineers');

  assert.equal((await bench.call('DELETE', `/groups/${group.id}/members/${user.id}`)).status, 204);
  assert.equal((await bench.call('DELETE', `/groups/${group.id}/members/${user.id}`)).status, 404);
  const direct = `/role-assignments/user/${user.id}/file-role`;
  assert.equal((await bench.call('DELETE', direct)).status, 204);
  assert.equal((await bench.call('DELETE', direct)).status, 404);
  assert.deepEqual((await bench.call('GET', `/users/${user.id}/effective-roles`)).body.roles, []);
});

test('a role that does not exist is not assigned, and the likely one is named', async () => {
  const { body: user } = await bench.call('POST', '/users', { name: 'hugo' });
  const refused = await bench.call('POST', '/role-assignments', {
    role: 'file-rol',
    subject: { kind: 'user', id: user.id },
  });
  assert.equal(refused.status, 422);
  assert.match(refused.body.detail, /Did you mean "file-role"/);
});

test('the pages of a list show every item once', async () => {
  for (let i = 0; i < 7; i++) await bench.call('POST', '/groups', { name: `page-${i}` });
  const seen: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await bench.call('GET', `/groups?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
    assert.ok(page.body.items.length <= 3);
    seen.push(...page.body.items.map((item: { name: string }) => item.name));
    cursor = page.body.nextCursor;
  }
  assert.equal(new Set(seen).size, seen.length);
  assert.equal(seen.filter((name) => name.startsWith('page-')).length, 7);
});

test('a filtered list has full pages too', async () => {
  for (let i = 0; i < 5; i++) {
    const { body } = await bench.call('POST', '/service-accounts', { name: `machine-${i}` });
    if (i % 2 === 0) await bench.call('POST', `/service-accounts/${body.id}/disable`);
  }
  const first = await bench.call('GET', '/service-accounts?status=disabled&limit=2');
  assert.equal(first.body.items.length, 2);
  const second = await bench.call('GET', `/service-accounts?status=disabled&limit=2&cursor=${first.body.nextCursor}`);
  assert.equal(second.body.items.length, 1);
  assert.equal(second.body.nextCursor, null);
});
