import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
beforeEach(async () => {
  bench = await openAdminBench();
});
afterEach(() => bench.close());

const DOCUMENT = {
  version: 1,
  roles: [{ name: 'engineer', description: 'Builds.', allow: [{ upstream: 'github', tools: ['get_*'] }] }],
  users: [
    { name: 'ann@example.com', displayName: 'Ann' },
    { name: 'bob@example.com', status: 'disabled' },
  ],
  serviceAccounts: [{ name: 'deployer', description: 'Deploys.' }],
  groups: [{ name: 'engineers', members: ['ann@example.com', 'bob@example.com'] }],
  upstreams: [{ name: 'github', url: 'https://mcp.example.com', enabled: false }],
  roleAssignments: [
    { role: 'engineer', subject: { kind: 'group', name: 'engineers' } },
    { role: 'engineer', subject: { kind: 'service_account', name: 'deployer' } },
  ],
};

const apply = (document: object, query = '') => bench.call('POST', `/state/apply${query}`, document);
const summaryOf = (answer: { body: { changes: { action: string; kind: string; name: string }[] } }) =>
  answer.body.changes.map(({ action, kind, name }) => `${action} ${kind} ${name}`);

test('a document is carried out, in an order in which each step finds what it needs, and a second time changes nothing', async () => {
  const first = await apply(DOCUMENT);
  assert.equal(first.status, 200, first.text);
  assert.deepEqual(summaryOf(first), [
    'create role engineer',
    'create user ann@example.com',
    'create user bob@example.com',
    'create service_account deployer',
    'create group engineers',
    'create upstream github',
    'create role_assignment engineer → group engineers',
    'create role_assignment engineer → service_account deployer',
  ]);
  assert.deepEqual(first.body.summary, { create: 8, update: 0, remove: 0 });
  const second = await apply(DOCUMENT);
  assert.deepEqual(second.body.changes, []);
  const { items } = (await bench.call('GET', '/users?name=bob@example.com')).body;
  assert.equal(items[0].status, 'disabled');
});

test('what is exported can be applied again and changes nothing', async () => {
  await apply(DOCUMENT);
  const { body: exported } = await bench.call('GET', '/state');
  assert.deepEqual((await apply(exported)).body.changes, []);
  const prune = Object.fromEntries(
    Object.keys(exported)
      .filter((key) => key !== 'version')
      .map((key) => [key, true]),
  );
  assert.deepEqual((await apply({ ...exported, prune })).body.changes, []);
  assert.doesNotMatch(JSON.stringify(exported), /tgp_|tgs_|key_/);
});

test('a dry run says what would change and changes nothing', async () => {
  const before = (await bench.call('GET', '/state')).text;
  const planned = await apply(DOCUMENT, '?dryRun=true');
  assert.equal(planned.body.dryRun, true);
  assert.equal(planned.body.changes.length, 8);
  assert.equal((await bench.call('GET', '/state')).text, before);
  assert.deepEqual(planned.body.changes, (await apply(DOCUMENT)).body.changes);
});

test('an update names each member that differs, and members that are left out stay', async () => {
  await apply(DOCUMENT);
  const changed = await apply({
    version: 1,
    users: [
      { name: 'ANN@example.com', displayName: 'Ann B.' },
      { name: 'bob@example.com', status: 'active' },
    ],
    groups: [{ name: 'engineers', members: ['ann@example.com'] }],
    upstreams: [{ ...DOCUMENT.upstreams[0], timeoutMs: 5000 }],
    roles: [{ ...DOCUMENT.roles[0], deny: [{ upstream: '*', when: { destructive: true } }] }],
  });
  assert.deepEqual(
    changed.body.changes.map(({ name, details }: { name: string; details: object }) => [name, details]),
    [
      ['engineer', { deny: { from: [], to: [{ upstream: '*', when: { destructive: true } }] } }],
      ['ANN@example.com', { displayName: { from: 'Ann', to: 'Ann B.' } }],
      ['bob@example.com', { status: { from: 'disabled', to: 'active' } }],
      ['engineers', { members: { add: [], remove: ['bob@example.com'] } }],
      ['github', { timeoutMs: { from: 60000, to: 5000 } }],
    ],
  );
  const { body } = await bench.call('GET', '/state');
  assert.equal(body.groups[0].members.length, 1);
  assert.equal(body.users.find((user: { name: string }) => user.name === 'ann@example.com').displayName, 'Ann B.');
});

test('only kinds with prune lose what is not listed, and what others need is removed last', async () => {
  await apply(DOCUMENT);
  const empty = { version: 1, roles: [], groups: [], upstreams: [], serviceAccounts: [] };
  assert.deepEqual((await apply(empty)).body.changes, []);
  const pruned = await apply({ ...empty, prune: { roles: true, groups: true, upstreams: true } });
  assert.deepEqual(summaryOf(pruned), ['remove upstream github', 'remove group engineers', 'remove role engineer']);
  const { body } = await bench.call('GET', '/state');
  assert.deepEqual([body.roles, body.groups, body.upstreams], [[], [], []]);
  assert.ok(body.serviceAccounts.length > 0);
});

test('a document that cannot be carried out whole is not carried out at all, and the log says so', async () => {
  const before = (await bench.call('GET', '/state')).text;
  for (const broken of [
    { ...DOCUMENT, groups: [{ name: 'engineers', members: ['nobody@example.com'] }] },
    { ...DOCUMENT, roleAssignments: [{ role: 'engineer', subject: { kind: 'user', name: 'nobody' } }] },
    { ...DOCUMENT, roleAssignments: [{ role: 'no-such-role', subject: { kind: 'group', name: 'engineers' } }] },
    { ...DOCUMENT, users: [{ name: 'twice' }, { name: 'TWICE' }] },
    { ...DOCUMENT, upstreams: [{ name: 'from-file', url: 'https://mcp.example.com' }] },
    { ...DOCUMENT, roles: [{ name: 'file-role' }] },
    { ...DOCUMENT, roles: [{ name: 'owner' }] },
    { ...DOCUMENT, version: 2 },
    { ...DOCUMENT, keys: [] },
  ]) {
    const answer = await apply(broken);
    assert.ok(answer.status === 422 || answer.status === 409, answer.text);
  }
  assert.equal((await bench.call('GET', '/state')).text, before);
  await bench.audit.flush();
  const { entries } = await bench.audit.search({ tenantId: DEFAULT_TENANT, action: 'user.create' });
  assert.ok(entries.length > 0);
  assert.deepEqual([...new Set(entries.map((entry) => entry.outcome))], ['error']);
});

test('each change is recorded as one of its own', async () => {
  await apply(DOCUMENT);
  await bench.audit.flush();
  const { entries } = await bench.audit.search({ tenantId: DEFAULT_TENANT, from: 0 });
  const recorded = entries.filter((entry) => /\.\d+$/.test(entry.requestId));
  assert.deepEqual(recorded.map((entry) => `${entry.action} ${entry.target} ${entry.outcome}`).sort(), [
    'group.create engineers ok',
    'role.create engineer ok',
    'role_assignment.create engineer → group engineers ok',
    'role_assignment.create engineer → service_account deployer ok',
    'service_account.create deployer ok',
    'upstream.create github ok',
    'user.create ann@example.com ok',
    'user.create bob@example.com ok',
  ]);
});

test('a user who is disabled or removed by a document is refused when the call returns', async () => {
  await apply(DOCUMENT);
  const [ann] = (await bench.call('GET', '/users?name=ann@example.com')).body.items;
  const { body } = await bench.call('POST', '/access-keys', { owner: { kind: 'user', id: ann.id }, name: 'k' });
  assert.ok(await bench.accepts(body.key));
  await apply({ version: 1, users: [{ name: 'ann@example.com', status: 'disabled' }] });
  assert.ok(!(await bench.accepts(body.key)));
});

test('a document may be larger than other bodies', async () => {
  const users = Array.from({ length: 3000 }, (_, i) => ({ name: `user-${i}`, displayName: 'x'.repeat(195) }));
  users.push(...users.slice(0, 2000).map(({ displayName }, i) => ({ name: `more-${i}`, displayName })));
  assert.ok(JSON.stringify({ users }).length > 1_048_576);
  const planned = await apply({ version: 1, users }, '?dryRun=true');
  assert.equal(planned.status, 200, planned.text.slice(0, 300));
  assert.equal(planned.body.summary.create, 5000);
});
