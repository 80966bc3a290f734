import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ADMIN_ROUTES } from '../../src/admin/openapi.ts';
import { type AdminBench, openAdminBench } from '../flows/admin-bench.ts';

let bench: AdminBench;
before(async () => {
  bench = await openAdminBench();
});
after(() => bench.close());

const INJECTIONS = [
  `x' OR '1'='1`,
  `"; DROP TABLE users; --`,
  `x') UNION SELECT hash FROM access_keys --`,
  '%',
  '_',
  '*',
  'a\\',
];

test('SQL in names, filters, cursors and paths is text and nothing else', async () => {
  for (const text of INJECTIONS) {
    const encoded = encodeURIComponent(text);
    const lists = ['/users', '/service-accounts', '/groups'];
    for (const path of lists)
      assert.deepEqual((await bench.call('GET', `${path}?name=${encoded}`)).body.items, [], text);
    for (const path of ['/access-keys?owner=', '/role-assignments?role=']) {
      assert.equal((await bench.call('GET', `${path}${encoded}`)).status, 400, text);
    }
    const cursor = Buffer.from(text).toString('base64url');
    for (const path of [...lists, '/roles', '/upstreams', '/access-keys', '/audit/events', '/audit/tail']) {
      assert.equal((await bench.call('GET', `${path}?cursor=${cursor}`)).status, 200, `${path} ${text}`);
    }
    for (const path of ['/users/', '/roles/', '/upstreams/', '/access-keys/']) {
      assert.equal((await bench.call('GET', `${path}${encoded}`)).status, 404, `${path} ${text}`);
    }
    for (const filter of ['principal', 'agent', 'upstream', 'tool', 'action']) {
      if (text === '*') continue;
      assert.deepEqual((await bench.call('GET', `/audit/events?${filter}=${encoded}`)).body.items, [], text);
    }
  }
  const kept = await bench.call('POST', '/groups', { name: INJECTIONS[1] });
  assert.equal(kept.body.name, INJECTIONS[1]);
  assert.ok((await bench.call('GET', '/users')).body.items.length >= 3);
});

test('every fault of a body is listed at once, with where it is and what was meant', async () => {
  const { status, body } = await bench.call('POST', '/upstreams', {
    name: 'Bad',
    url: 'nowhere',
    timeout: 5,
    maxConcurrent: 0,
    auth: { kind: 'headers', names: ['Host'] },
  });
  assert.equal(status, 422);
  assert.deepEqual(body.errors.map((fault: { path: string }) => fault.path).sort(), [
    'auth.names[0]',
    'maxConcurrent',
    'name',
    'timeout',
    'url',
  ]);
  const unknown = body.errors.find((fault: { path: string }) => fault.path === 'timeout');
  assert.match(unknown.message, /did you mean `timeoutMs`/);
  assert.equal(body.type, '/errors/unprocessable');
});

test('a role with faults is explained in the policy’s own words', async () => {
  const { status, body } = await bench.call('POST', '/roles', {
    name: 'reader',
    allow: [{ upstream: 'github', tool: 'get_*' }, { tools: 'x' }],
  });
  assert.equal(status, 422);
  assert.deepEqual(body.errors.map((fault: { path: string }) => fault.path).sort(), [
    'allow[0].tool',
    'allow[1].tools',
    'allow[1].upstream',
  ]);
  assert.match(body.detail, /Did you mean `tools`/);
});

test('members that nobody asked for are refused by every route that takes a body', async () => {
  const routes = ADMIN_ROUTES.filter((route) => route.body !== undefined);
  assert.ok(routes.length > 15);
  for (const { method, path, operationId, versioned } of routes) {
    const filled = path
      .replaceAll(/\{(?:userId|id|principalId|subjectId)\}/g, bench.member.id)
      .replaceAll('{principalKind}', 'user')
      .replaceAll('{name}', 'from-file');
    const at = filled.replace(/^\/(groups|access-keys|service-accounts)\/usr_/, (_, kind: string) => {
      const prefixes: Record<string, string> = { groups: 'grp', 'access-keys': 'key', 'service-accounts': 'sva' };
      return `/${kind}/${prefixes[kind]}_`;
    });
    const { status, body } = await bench.call(
      method,
      at,
      { isOwner: true },
      { headers: versioned ? { 'if-match': '*' } : {} },
    );
    assert.equal(status, 422, `${operationId} ${status}`);
    assert.match(JSON.stringify(body.errors), /isOwner/, operationId);
  }
});

test('a prototype cannot be reached through a body', async () => {
  for (const rawBody of [
    '{"name":"p1","__proto__":{"status":"disabled"}}',
    '{"name":"p1","constructor":{"prototype":{"admin":true}}}',
  ]) {
    assert.equal((await bench.call('POST', '/users', undefined, { rawBody })).status, 422);
  }
  const values = '{"values":{"__proto__":"x"}}';
  const stored = await bench.call('PUT', '/upstreams/from-file/credential', undefined, { rawBody: values });
  assert.equal(stored.status, 422);
  assert.equal(({} as Record<string, unknown>).admin, undefined);
});

test('bodies that another parser could read differently are refused', async () => {
  const bad: [string, string | Buffer][] = [
    ['same member twice', '{"name":"a","name":"b"}'],
    ['same member twice, escaped', '{"name":"a","n\\u0061me":"b"}'],
    ['same member twice, deep down', '{"name":"a","allow":[{"upstream":"a","upstream":"b"}]}'],
    ['NUL', '{"name":"a\\u0000b"}'],
    ['not JSON', '{name:"a"}'],
    ['two documents', '{"name":"a"}{"name":"b"}'],
    ['a comment', '{"name":"a"/**/}'],
    ['a byte order mark', '\ufeff{"name":"a"}'],
    ['a deep one', `{"name":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['an open one', '['.repeat(100_000)],
  ];
  for (const [what, rawBody] of bad) {
    const answer = await bench.call('POST', '/roles', undefined, { rawBody: rawBody as string });
    assert.equal(answer.status, 400, `${what}: ${answer.text}`);
    assert.equal(answer.body.code, 'parse_error', what);
  }
  const invalid = await bench.server.inject({
    method: 'POST',
    url: '/api/v1/users',
    headers: { authorization: `Bearer ${bench.owner.key}`, 'content-type': 'application/json' },
    payload: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  });
  assert.equal(invalid.statusCode, 400);
});

test('other content types, encodings and sizes are refused with the right status, as problem documents', async () => {
  const post = (headers: Record<string, string>, rawBody: string) =>
    bench.call('POST', '/users', undefined, { headers, rawBody });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'application/jsonx']) {
    const answer = await post({ 'content-type': type }, '{"name":"form"}');
    assert.equal(answer.status, 415, type);
    assert.equal(answer.body.code, 'unsupported_media_type');
  }
  assert.equal((await post({ 'content-encoding': 'gzip' }, '{"name":"zip"}')).status, 415);
  const big = await post({}, JSON.stringify({ name: 'x'.repeat(1_100_000) }));
  assert.equal(big.status, 413);
  assert.equal(big.body.code, 'body_too_large');
  assert.equal((await bench.call('POST', '/users')).status, 400);
  assert.equal((await bench.call('POST', `/users/${bench.member.id}/disable`, { now: true })).status, 400);
  assert.equal((await bench.call('GET', '/users?limit=0')).status, 400);
  assert.equal((await bench.call('GET', '/users?limit=1&limit=2')).status, 400);
  assert.equal((await bench.call('GET', '/users?sort=name')).status, 400);
  assert.equal((await bench.call('GET', '/whoami?verbose=1')).status, 400);
  const unreadable = await bench.call('GET', '/users/%zz');
  assert.equal(unreadable.status, 400);
  assert.match(String(unreadable.headers['content-type']), /^application\/problem\+json/);
});

test('pages of other origins are refused, allowed ones are let in, and cookies count for nothing', async () => {
  for (const origin of [
    'https://evil.example',
    'null',
    'https://gate.example.com.evil.example',
    'http://gate.example.com',
  ]) {
    for (const [method, path] of [
      ['POST', '/users'],
      ['GET', '/users'],
      ['GET', '/nothing'],
    ] as const) {
      const answer = await bench.call(method, path, method === 'POST' ? { name: 'csrf' } : undefined, {
        headers: { origin },
      });
      assert.equal(answer.status, 403, `${origin} ${path}`);
      assert.equal(answer.body.code, 'origin_not_allowed');
    }
  }
  assert.deepEqual((await bench.call('GET', '/users?name=csrf')).body.items, []);
  for (const origin of ['https://console.example.com', 'https://gate.example.com']) {
    assert.equal((await bench.call('GET', '/users', undefined, { headers: { origin } })).status, 200);
  }
  const cookie = `toolgate=${bench.owner.key}; authorization=Bearer ${bench.owner.key}`;
  assert.equal((await bench.call('GET', '/users', undefined, { key: null, headers: { cookie } })).status, 401);
});

test('a credential counts in one header only, once, and never in the URL', async () => {
  const { key } = bench.owner;
  for (const name of ['x-api-key', 'x-toolgate-key']) {
    assert.equal((await bench.call('GET', '/users', undefined, { key: null, headers: { [name]: key } })).status, 200);
    const twice = await bench.call('GET', '/users', undefined, { headers: { [name]: key } });
    assert.equal(twice.body.code, 'credential_ambiguous');
  }
  for (const query of [`access_token=${key}`, `api_key=${key}`, `name=${key}`]) {
    for (const credential of [null, key]) {
      const answer = await bench.call('GET', `/users?${query}`, undefined, { key: credential });
      assert.equal(answer.status, 400);
      assert.equal(answer.body.code, 'credential_in_url');
    }
  }
  for (const authorization of [`Basic ${key}`, 'Bearer', `Bearer  `, key, `Bearer ${key} ${key}`]) {
    const answer = await bench.call('GET', '/users', undefined, { key: null, headers: { authorization } });
    assert.equal(answer.status, 401, authorization);
  }
});

test('invisible and direction-changing characters do not become names, and what is recorded of them is escaped', async () => {
  for (const name of ['a\u202eb', 'a\u200bb', 'a\nb', 'a\u001b[31mb', ' a', 'a ', 'a  b', '', '\ud800']) {
    assert.equal((await bench.call('POST', '/groups', { name })).status, 422, JSON.stringify(name));
  }
  const title = `/users?name=${encodeURIComponent('\u202e')}`;
  assert.doesNotMatch((await bench.call('GET', title)).text, /\u202e/);
});
