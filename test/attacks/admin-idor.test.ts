import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_ROUTES } from '../../src/admin/openapi.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { type AdminBench, OTHER_TENANT, openAdminBench } from '../flows/admin-bench.ts';

let bench: AdminBench;
/** What the first tenant has, by the name of the path parameter; the strangers are owners of the other tenant. */
const victim: Record<string, string> = {};
let before_: string;

before(async () => {
  bench = await openAdminBench();
  const { body: user } = await bench.call('POST', '/users', { name: 'victim-person', displayName: 'Victim' });
  const { body: account } = await bench.call('POST', '/service-accounts', { name: 'victim-machine' });
  const { body: group } = await bench.call('POST', '/groups', { name: 'victim-group' });
  await bench.call('PUT', `/groups/${group.id}/members/${user.id}`);
  await bench.call('POST', '/roles', { name: 'victim-role', allow: [{ upstream: 'victim-upstream' }] });
  await bench.call('POST', '/role-assignments', { role: 'victim-role', subject: { kind: 'user', id: user.id } });
  const issued = await bench.call('POST', '/access-keys', { owner: { kind: 'user', id: user.id }, name: 'victim-key' });
  await bench.call('POST', '/upstreams', {
    name: 'victim-upstream',
    url: 'http://127.0.0.1:9/mcp',
    enabled: false,
    auth: { kind: 'headers-per-user', names: ['X-Victim'] },
  });
  await bench.call('PUT', `/upstreams/victim-upstream/credentials/user/${user.id}`, {
    values: { 'X-Victim': 'secret-1' },
  });
  Object.assign(victim, {
    user: user.id,
    account: account.id,
    group: group.id,
    key: issued.body.accessKey.id,
    role: 'victim-role',
    upstream: 'victim-upstream',
  });
  before_ = await everythingOfTheVictim();
});
after(() => bench.close());

async function everythingOfTheVictim(): Promise<string> {
  const paths = [
    '/state',
    '/users',
    '/groups',
    '/roles',
    '/role-assignments',
    '/access-keys',
    '/upstreams',
    '/upstreams/victim-upstream/credentials',
    `/groups/${victim.group}/members`,
  ];
  const answers = [];
  for (const path of paths) answers.push((await bench.call('GET', path)).body);
  // The connection's state may move on by itself.
  return JSON.stringify(answers, (name, value) => (name === 'status' && typeof value === 'object' ? null : value));
}

/** A body that would be right for the route. */
function bodyFor(operationId: string): unknown {
  const owner = { kind: 'user', id: victim.user };
  const bodies: Record<string, unknown> = {
    updateUser: { displayName: 'Hacked' },
    updateServiceAccount: { description: 'Hacked' },
    updateGroup: { description: 'Hacked' },
    replaceRole: { description: 'Hacked' },
    updateAccessKey: { name: 'hacked' },
    replaceUpstream: { url: 'https://evil.example.com/mcp' },
    createAccessKey: { owner, name: 'stolen' },
    assignRole: { role: 'owner', subject: owner },
    setUpstreamCredential: { values: { 'X-Victim': 'stolen' } },
    setPrincipalCredential: { values: { 'X-Victim': 'stolen' } },
    setMyCredential: { values: { 'X-Victim': 'stolen' } },
    rotateAccessKey: { overlapSeconds: 0 },
    explainPolicy: { principal: owner, upstream: 'victim-upstream', tool: 'x' },
  };
  return bodies[operationId];
}

function pathFor(path: string): string {
  const values: Record<string, string> = {
    userId: victim.user!,
    principalKind: 'user',
    principalId: victim.user!,
    subjectKind: 'user',
    subjectId: victim.user!,
    role: victim.role!,
  };
  const [, resource] = path.split('/');
  const ids: Record<string, string> = {
    users: victim.user!,
    'service-accounts': victim.account!,
    groups: victim.group!,
    'access-keys': victim.key!,
  };
  values.id = ids[resource!] ?? '';
  values.name = resource === 'roles' ? victim.role! : victim.upstream!;
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name]!);
}

test('an owner of one tenant gets 404 for everything of another, by every route and method, and changes nothing', async () => {
  const targeted = ADMIN_ROUTES.filter(
    ({ path, operationId }) =>
      path.includes('{') || ['createAccessKey', 'assignRole', 'explainPolicy'].includes(operationId),
  );
  assert.ok(targeted.length > 35);
  for (const route of targeted) {
    const headers: Record<string, string> = route.versioned ? { 'if-match': '*' } : {};
    const answer = await bench.call(route.method, pathFor(route.path), bodyFor(route.operationId), {
      key: bench.stranger.key,
      headers,
    });
    assert.equal(answer.status, 404, `${route.operationId}: ${answer.text}`);
    assert.doesNotMatch(answer.text, /Victim|secret-1|victim-person|victim-machine/);
  }
  assert.equal(await everythingOfTheVictim(), before_);
});

test('the lists, searches and exports of one tenant hold nothing of another', async () => {
  for (const { method, path } of ADMIN_ROUTES.filter((route) => route.method === 'GET' && !route.path.includes('{'))) {
    const answer = await bench.call(method, path, undefined, { key: bench.stranger.key });
    if (path === '/audit/events' || path === '/audit/tail') {
      // It names what the strangers tried to reach, and nobody else's doing.
      const items: { tenantId: string; principalId?: string }[] = answer.body.items;
      assert.ok(items.every(({ tenantId }) => tenantId === OTHER_TENANT));
      assert.ok(items.every(({ principalId = bench.stranger.id }) => principalId === bench.stranger.id));
    } else assert.doesNotMatch(answer.text, /victim|from-file|file-role/, path);
  }
  for (const query of [`?owner=${victim.user}`, `?subjectKind=user&subjectId=${victim.user}`]) {
    const path = query.startsWith('?owner') ? '/access-keys' : '/role-assignments';
    const answer = await bench.call('GET', `${path}${query}`, undefined, { key: bench.stranger.key });
    assert.deepEqual(answer.body.items, []);
  }
});

test('what is about the whole gateway is for the operator’s tenant alone', async () => {
  for (const [method, path, body] of [
    ['GET', '/audit/export', undefined],
    ['POST', '/audit/checkpoints', undefined],
    ['POST', '/vault/rotate', {}],
  ] as const) {
    const answer = await bench.call(method, path, body, { key: bench.stranger.key });
    assert.equal(answer.status, 403, path);
  }
});

test('a document of one tenant makes and removes nothing in another', async () => {
  const answer = await bench.call(
    'POST',
    '/state/apply',
    {
      version: 1,
      users: [{ name: 'olivia', displayName: 'Mine' }],
      groups: [{ name: 'victim-group', members: ['olivia'] }],
      upstreams: [],
      roles: [],
      prune: { users: true, groups: true, upstreams: true, roles: true },
    },
    { key: bench.stranger.key },
  );
  assert.equal(answer.status, 200);
  assert.equal(await everythingOfTheVictim(), before_);
  const { entries } = await bench.audit.search({ tenantId: DEFAULT_TENANT, action: 'group.create' });
  assert.ok(entries.every((entry) => entry.principalId === bench.owner.id));
});

test('personal credentials are set and removed for the caller, whoever else has one', async () => {
  await bench.call('POST', '/upstreams', {
    name: 'personal',
    url: 'http://127.0.0.1:9/mcp',
    enabled: false,
    auth: { kind: 'headers-per-user', names: ['X-Token'] },
  });
  const mine = '/upstreams/personal/my-credential';
  for (const { key } of [bench.member, bench.machine]) {
    const stored = await bench.call('PUT', mine, { values: { 'x-token': `of-${key.slice(0, 12)}` } }, { key });
    assert.equal(stored.status, 200);
  }
  assert.equal((await bench.call('DELETE', mine, undefined, { key: bench.member.key })).status, 204);
  assert.deepEqual((await bench.call('GET', mine, undefined, { key: bench.member.key })).body.values, []);
  const { values } = (await bench.call('GET', mine, undefined, { key: bench.machine.key })).body;
  assert.deepEqual(
    values.map((value: { name: string; owner: { id: string } }) => [value.name, value.owner.id]),
    [['X-Token', bench.machine.id]],
  );
});
