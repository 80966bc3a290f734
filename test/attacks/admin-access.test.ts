import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_ROUTES } from '../../src/admin/openapi.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { type AdminBench, addActor, openAdminBench } from '../flows/admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
const IDS: Record<string, string> = {
  userId: `usr_${'0'.repeat(26)}`,
  id: `usr_${'0'.repeat(26)}`,
  name: 'github',
  principalKind: 'user',
  principalId: `usr_${'0'.repeat(26)}`,
  subjectKind: 'user',
  subjectId: `usr_${'0'.repeat(26)}`,
  role: 'file-role',
};
const PATHS = [...new Set(ADMIN_ROUTES.map((route) => route.path))].map((path) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => IDS[name]!),
);
const UNKNOWN = [
  '',
  '/',
  '/nothing',
  '/users/',
  '/Users',
  '//users',
  '/users/%2e%2e/vault',
  '/v2',
  `/users/${'x'.repeat(5000)}`,
];

/**
 * Every route of the API, and who may call it. A new route fails this test until somebody has thought about that here
 * (side doors: Google toolbox CVE-2026-14537, Kuadrant GO-2026-5390, oauth2-proxy CVE-2026-34457).
 */
const ROUTES = `
GET /whoami anybody
GET /users admin
GET /users/{id} admin
GET /users/{id}/access-keys admin
GET /users/{id}/effective-roles admin
POST /users admin
PATCH /users/{id} admin
DELETE /users/{id} admin
POST /users/{id}/disable admin
POST /users/{id}/enable admin
GET /users/{id}/groups admin
GET /service-accounts admin
GET /service-accounts/{id} admin
GET /service-accounts/{id}/access-keys admin
GET /service-accounts/{id}/effective-roles admin
POST /service-accounts admin
PATCH /service-accounts/{id} admin
DELETE /service-accounts/{id} admin
POST /service-accounts/{id}/disable admin
POST /service-accounts/{id}/enable admin
GET /groups admin
POST /groups admin
GET /groups/{id} admin
PATCH /groups/{id} admin
DELETE /groups/{id} admin
GET /groups/{id}/members admin
PUT /groups/{id}/members/{userId} admin
DELETE /groups/{id}/members/{userId} admin
GET /roles admin
GET /roles/{name} admin
POST /roles admin
PUT /roles/{name} admin
DELETE /roles/{name} admin
GET /role-assignments admin
POST /role-assignments admin
DELETE /role-assignments/{subjectKind}/{subjectId}/{role} admin
GET /access-keys admin
POST /access-keys admin
POST /access-keys/{id}/rotate admin
GET /access-keys/{id} admin
PATCH /access-keys/{id} admin
POST /access-keys/{id}/revoke admin
POST /users/{id}/setup-links admin
GET /grants admin
GET /grants/{id} admin
POST /grants/{id}/revoke admin
POST /oauth-clients admin
DELETE /oauth-clients/{id} admin
GET /oauth-clients admin
GET /oauth-clients/{id} admin
POST /oauth-clients/{id}/approve admin
POST /oauth-clients/{id}/revoke admin
GET /identity-providers admin
POST /identity-providers/{name}/test admin
POST /identity-providers/{name}/test-logins admin
GET /identity-providers/test-logins/{token} admin
GET /signing-keys admin
POST /signing-keys/rotate admin
GET /upstreams admin
GET /upstreams/{name} admin
POST /upstreams admin
PUT /upstreams/{name} admin
DELETE /upstreams/{name} admin
POST /upstreams/{name}/test admin
GET /upstreams/{name}/credentials admin
PUT /upstreams/{name}/credential admin
DELETE /upstreams/{name}/credential admin
PUT /upstreams/{name}/credentials/{principalKind}/{principalId} admin
DELETE /upstreams/{name}/credentials/{principalKind}/{principalId} admin
GET /upstreams/{name}/my-credential anybody
PUT /upstreams/{name}/my-credential anybody
DELETE /upstreams/{name}/my-credential anybody
GET /connections anybody
DELETE /upstreams/{name}/my-connection anybody
POST /upstreams/{name}/my-connection/refresh anybody
POST /upstreams/{name}/my-connection/link anybody
DELETE /upstreams/{name}/connection admin
POST /upstreams/{name}/connection/refresh admin
POST /upstreams/{name}/connection/link admin
DELETE /upstreams/{name}/connections/{principalKind}/{principalId} admin
POST /upstreams/{name}/connections/{principalKind}/{principalId}/refresh admin
POST /upstreams/{name}/connections/{principalKind}/{principalId}/link admin
POST /policy/explain admin
GET /audit/events admin
GET /audit/tail admin
GET /audit/public-key admin
GET /audit/export admin
POST /audit/checkpoints admin
POST /vault/rotate admin
GET /state admin
POST /state/apply admin
GET /openapi.json admin
`;

test('the routes and who may call them are these', () => {
  const routes = ADMIN_ROUTES.map(({ method, path, access }) => `${method} ${path} ${access}`);
  assert.deepEqual(routes, ROUTES.trim().split('\n'));
});

test('whatever changes something is recorded, and whatever is removed or replaced names its version', () => {
  // A link to connect opens nothing, and nothing is stored for it.
  const links = ['linkMyConnection', 'linkSharedConnection', 'linkPrincipalConnection'];
  const readsOnly = new Set(['explainPolicy', ...links]);
  const unrecorded = ADMIN_ROUTES.filter(({ method, action }) => method !== 'GET' && action === undefined);
  assert.deepEqual(
    unrecorded.map((route) => route.operationId).filter((id) => !readsOnly.has(id)),
    [],
  );
  // Memberships, assignments, credentials and connections have no versions: putting them is idempotent, nothing can be lost. A client is
  // never changed, and shutting one out has to work at once.
  const unversioned = ADMIN_ROUTES.filter(({ method, versioned }) => /PUT|PATCH|DELETE/.test(method) && !versioned);
  assert.deepEqual(unversioned.map((route) => route.operationId).sort(), [
    'addGroupMember',
    'deleteMyCredential',
    'deletePrincipalCredential',
    'deleteUpstreamCredential',
    'endMyConnection',
    'endPrincipalConnection',
    'endSharedConnection',
    'removeGroupMember',
    'removeOAuthClient',
    'setMyCredential',
    'setPrincipalCredential',
    'setUpstreamCredential',
    'unassignRole',
  ]);
});

test('every path and method answers 401 without a credential, whether it exists or not', async () => {
  const answers = new Set<string>();
  for (const path of [...PATHS, ...UNKNOWN]) {
    for (const method of METHODS) {
      const { status, headers } = await bench.call(method, path, undefined, { key: null });
      assert.equal(status, 401, `${method} ${path}`);
      assert.equal(headers['www-authenticate'], 'Bearer realm="toolgate admin"');
      answers.add(`${String(headers['content-type']).split(';')[0]} ${headers['cache-control']}`);
    }
  }
  assert.deepEqual([...answers], ['application/problem+json no-store']);
});

test('every path and method answers 401 to a key that is wrong, revoked, or no key at all', async () => {
  const revoked = await addActor(bench.db, DEFAULT_TENANT, 'user', 'gone', ['owner']);
  await bench.call('POST', `/access-keys/${revoked.keyId}/revoke`);
  const flipped = bench.owner.key.slice(0, -1) + (bench.owner.key.endsWith('0') ? '1' : '0');
  for (const key of [revoked.key, flipped, 'sk-random', 'tgp_', bench.owner.keyId]) {
    for (const path of [...PATHS, '/nothing']) {
      for (const method of METHODS) {
        const { status, headers } = await bench.call(method, path, undefined, { key });
        assert.equal(status, 401, `${method} ${path}`);
        assert.match(String(headers['www-authenticate']), /error="invalid_token"/);
      }
    }
  }
});

test('every path that is not for anybody answers 403 to a role that does not administer, also unknown ones', async () => {
  const open = new Set(
    ADMIN_ROUTES.filter((route) => route.access === 'anybody').map(
      ({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, (_, name: string) => IDS[name]!)}`,
    ),
  );
  for (const { key } of [bench.member, bench.machine]) {
    for (const path of [...PATHS, ...UNKNOWN]) {
      for (const method of METHODS) {
        const { status, body } = await bench.call(method, path, undefined, { key });
        const called = `${method === 'HEAD' ? 'GET' : method} ${path}`;
        if (open.has(called)) assert.notEqual(status, 401, called);
        else {
          assert.equal(status, 403, called);
          if (method !== 'HEAD') assert.equal(body.code, 'admin_required');
        }
      }
    }
  }
});

test('a key that is limited to other roles or to tools does not administer', async () => {
  const limited = [{ tools: ['github__*'] }, { roles: ['file-role'] }, { tools: ['*'], roles: ['owner'] }];
  for (const [index, limits] of limited.entries()) {
    const { key } = await addActor(bench.db, DEFAULT_TENANT, 'user', `limited-${index}`, ['owner'], limits);
    const { status, body } = await bench.call('GET', '/users', undefined, { key });
    assert.equal(status, 403);
    assert.match(body.detail, /limited/);
    assert.equal((await bench.call('GET', '/whoami', undefined, { key })).body.administers, 'none');
  }
});

test('a key that is limited to the admin role makes an owner an admin', async () => {
  const { key } = await addActor(bench.db, DEFAULT_TENANT, 'user', 'lessened', ['owner'], { roles: ['admin'] });
  assert.equal((await bench.call('GET', '/whoami', undefined, { key })).body.administers, 'admin');
  const refused = await bench.call(
    'POST',
    '/role-assignments',
    { role: 'owner', subject: { kind: 'user', id: bench.member.id } },
    { key },
  );
  assert.equal(refused.status, 403);
  assert.equal(refused.body.code, 'owner_required');
});

test('a refused administration attempt is in the audit log', async () => {
  await bench.call('DELETE', `/users/${bench.owner.id}`, undefined, { key: bench.member.key });
  await bench.audit.flush();
  const { entries } = await bench.audit.search({
    tenantId: DEFAULT_TENANT,
    action: 'admin.refused',
    principal: bench.member.id,
  });
  assert.equal(entries[0]?.decision, 'deny');
  assert.equal(entries[0]?.target, 'DELETE /users/{id}');
});

test('a path that exists for other methods says which', async () => {
  const { status, headers } = await bench.call('DELETE', '/users');
  assert.equal(status, 405);
  assert.equal(headers.allow, 'GET, HEAD, POST');
  assert.equal((await bench.call('GET', '/nothing')).status, 404);
  const head = await bench.call('HEAD', '/users');
  assert.equal(head.status, 200);
  assert.equal(head.text, '');
});
