import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { verifyExport } from '../../src/audit/verify-export.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

async function latest(action: string) {
  await bench.audit.flush();
  const { entries } = await bench.audit.search({ tenantId: DEFAULT_TENANT, action });
  return entries[0];
}

test('a change is recorded with who, by which key, what and how it ended', async () => {
  const { body, headers } = await bench.call('POST', '/users', { name: 'recorded', displayName: 'R. Ecorded' });
  const entry = await latest('user.create');
  assert.equal(entry?.requestId, headers['x-request-id']);
  assert.equal(entry?.principalId, bench.owner.id);
  assert.equal(entry?.agentId, bench.owner.keyId);
  assert.equal(entry?.address, '127.0.0.1');
  assert.equal(entry?.target, 'recorded');
  assert.deepEqual(entry?.arguments, { name: 'recorded', displayName: 'R. Ecorded' });
  assert.deepEqual([entry?.decision, entry?.reason, entry?.outcome], ['allow', 'role owner', 'ok']);
  assert.ok(body.id);
});

test('a change that was refused on the way is recorded with its error', async () => {
  await bench.call('POST', '/users', { name: 'recorded' });
  const entry = await latest('user.create');
  assert.deepEqual([entry?.outcome, entry?.errorCode], ['error', 'conflict']);
  await bench.call('DELETE', `/users/${bench.member.id}`, undefined, { headers: { 'if-match': '"0-0"' } });
  assert.equal((await latest('user.delete'))?.errorCode, 'precondition_failed');
});

test('the audit log is searched by principal, action, target, outcome and time, page by page', async () => {
  const from = Date.now();
  for (let i = 0; i < 5; i++) await bench.call('POST', '/groups', { name: `searched-${i}` });
  await bench.audit.flush();
  const filter = `action=group.*&principal=olivia&outcome=ok&from=${from}&tool=searched-*`;
  const first = await bench.call('GET', `/audit/events?${filter}&limit=3`);
  assert.deepEqual(
    first.body.items.map((item: { target: string }) => item.target),
    ['searched-4', 'searched-3', 'searched-2'],
  );
  const second = await bench.call('GET', `/audit/events?${filter}&limit=3&cursor=${first.body.nextCursor}`);
  assert.equal(second.body.items.length, 2);
  assert.equal(second.body.nextCursor, null);
  const nobody = await bench.call('GET', `/audit/events?${filter}&to=${from}`);
  assert.deepEqual(nobody.body.items, []);
});

test('the audit log can be followed', async () => {
  await bench.audit.flush();
  const start = await bench.call('GET', '/audit/tail?limit=1');
  const { headers } = await bench.call('POST', '/groups', { name: 'followed' });
  await bench.audit.flush();
  const more = await bench.call('GET', `/audit/tail?cursor=${start.body.nextCursor}`);
  const requestId = headers['x-request-id'];
  assert.deepEqual(
    more.body.items.map((item: { phase: string; requestId: string }) => `${item.phase} ${item.requestId}`),
    [`intent ${requestId}`, `outcome ${requestId}`],
  );
});

test('an export verifies with the public key alone, holds its own intent, and a flipped byte is found', async () => {
  const checkpoint = await bench.call('POST', '/audit/checkpoints');
  assert.equal(checkpoint.status, 201);
  const { publicKey } = (await bench.call('GET', '/audit/public-key')).body;
  const exported = await bench.call('GET', '/audit/export');
  assert.match(String(exported.headers['content-type']), /^application\/x-ndjson/);
  const lines = exported.text.trimEnd().split('\n');
  const report = await verifyExport(lines, { publicKey, expect: checkpoint.body.checkpoint });
  assert.equal(report.firstFault, undefined);
  assert.ok(report.ok);
  assert.ok(lines.some((line) => line.includes('"audit.export"')));

  const at = lines.findIndex((line) => line.includes('searched-3'));
  lines[at] = lines[at]!.replace('searched-3', 'searched-9');
  const tampered = await verifyExport(lines, { publicKey });
  assert.equal(tampered.ok, false);
  assert.equal(tampered.firstFault?.line, at + 1);
});

test('a change that cannot be recorded is not made', async () => {
  const own = await openAdminBench();
  try {
    await own.audit.close();
    const answer = await own.call('POST', '/users', { name: 'unrecorded' });
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['retry-after'], '5');
    assert.deepEqual((await own.call('GET', '/users?name=unrecorded')).body.items, []);
    const document = { version: 1, users: [{ name: 'unrecorded' }], groups: [{ name: 'unrecorded' }] };
    assert.equal((await own.call('POST', '/state/apply', document)).status, 503);
    assert.deepEqual((await own.call('GET', '/users?name=unrecorded')).body.items, []);
  } finally {
    own.audit.close = async () => {};
    await own.close();
  }
});
