import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_ROUTES } from '../../src/admin/openapi.ts';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

/** One thing of each kind that has versions: where it is, and a change of it. */
async function versionedThings() {
  const suffix = Math.random().toString(36).slice(2, 8);
  const user = await bench.call('POST', '/users', { name: `v-${suffix}` });
  const account = await bench.call('POST', '/service-accounts', { name: `v-${suffix}` });
  const group = await bench.call('POST', '/groups', { name: `v-${suffix}` });
  await bench.call('POST', '/roles', { name: `v-${suffix}` });
  await bench.call('POST', '/upstreams', { name: `v-${suffix}`, url: 'https://mcp.example.com', enabled: false });
  const key = await bench.call('POST', '/access-keys', { owner: { kind: 'user', id: bench.member.id }, name: 'k' });
  return [
    { at: `/users/${user.body.id}`, method: 'PATCH', change: { displayName: 'Changed' } },
    { at: `/service-accounts/${account.body.id}`, method: 'PATCH', change: { description: 'Changed.' } },
    { at: `/groups/${group.body.id}`, method: 'PATCH', change: { description: 'Changed.' } },
    { at: `/roles/v-${suffix}`, method: 'PUT', change: { description: 'Changed.' } },
    {
      at: `/upstreams/v-${suffix}`,
      method: 'PUT',
      change: { url: 'https://mcp.example.com', enabled: false, timeoutMs: 5 },
    },
    { at: `/access-keys/${key.body.accessKey.id}`, method: 'PATCH', change: { name: 'changed' } },
  ];
}

test('of two who change the same thing, the second is told instead of undoing the first', async () => {
  for (const { at, method, change } of await versionedThings()) {
    const { etag } = await bench.call('GET', at);
    const headers = { 'if-match': etag };
    const first = await bench.call(method, at, change, { headers });
    assert.equal(first.status, 200, at);
    assert.notEqual(first.etag, etag);
    assert.equal((await bench.call('GET', at)).etag, first.etag);
    const second = await bench.call(method, at, change, { headers });
    assert.equal(second.status, 412, at);
    assert.equal(second.body.code, 'precondition_failed');
  }
});

test('of many simultaneous changes based on the same version exactly one is made', async () => {
  for (const { at, method, change } of await versionedThings()) {
    const headers = { 'if-match': (await bench.call('GET', at)).etag };
    const answers = await Promise.all(Array.from({ length: 8 }, () => bench.call(method, at, change, { headers })));
    const statuses = answers.map((answer) => answer.status).sort();
    assert.deepEqual(statuses, [200, ...Array(7).fill(412)], at);
  }
});

test('a change or removal that names no version is refused, and so is one that names a stale or weak one', async () => {
  for (const { at, method, change } of await versionedThings()) {
    assert.equal((await bench.call(method, at, change)).status, 428, at);
    const { etag } = await bench.call('GET', at);
    for (const ifMatch of [`W/${etag}`, '"0-0"', etag.replaceAll('"', ''), 'x']) {
      assert.equal((await bench.call(method, at, change, { headers: { 'if-match': ifMatch } })).status, 412, ifMatch);
    }
    const several = await bench.call(method, at, change, { headers: { 'if-match': `"0-0", ${etag}` } });
    assert.equal(several.status, 200);
    assert.equal((await bench.call(method, at, change, { headers: { 'if-match': '*' } })).status, 200);
    if (!ADMIN_ROUTES.some((route) => route.method === 'DELETE' && at.startsWith(route.path.split('{')[0]!))) continue;
    assert.equal((await bench.call('DELETE', at)).status, 428);
    assert.equal((await bench.call('DELETE', at, undefined, { headers: { 'if-match': etag } })).status, 412);
    const headers = { 'if-match': (await bench.call('GET', at)).etag };
    assert.equal((await bench.call('DELETE', at, undefined, { headers })).status, 204);
    assert.equal((await bench.call('DELETE', at, undefined, { headers })).status, 404);
  }
});

test('the version of a thing that is gone does not fit a new one of the same name', async () => {
  const body = { name: 'again', allow: [] };
  const first = await bench.call('POST', '/roles', body);
  await bench.call('DELETE', '/roles/again', undefined, { headers: { 'if-match': first.etag } });
  const second = await bench.call('POST', '/roles', body);
  assert.notEqual(first.etag, second.etag);
  assert.equal(
    (await bench.call('DELETE', '/roles/again', undefined, { headers: { 'if-match': first.etag } })).status,
    412,
  );
});
