/** Upstreams with accounts and tokens over the admin API: what is taken, what is refused, and what happens to secrets. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { SignInAdministration } from '../../src/admin/sign-in.ts';
import { newId } from '../../src/lib/ids.ts';
import { Secret } from '../../src/lib/secret.ts';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { findConnection, putConnection } from '../../src/store/upstream-connections.ts';
import { SHARED } from '../../src/vault/vault.ts';
import { type AdminBench, openAdminBench } from './admin-bench.ts';

let bench: AdminBench;
before(async () => {
  // Here nobody signs in: what counts is that the gateway has keys to sign with.
  bench = await openAdminBench({ signIn: {} as SignInAdministration });
});
after(() => bench.close());

const off = { url: 'http://127.0.0.1:9/mcp', enabled: false };
const at = (upstream: string, name: string) => ({ tenantId: DEFAULT_TENANT, upstream, owner: SHARED, name });
const add = (name: string, auth: object, more: object = {}) =>
  bench.call('POST', '/upstreams', { name, ...off, auth, ...more });
const put = (name: string, values: Record<string, string>) =>
  bench.call('PUT', `/upstreams/${name}/credential`, { values });

const DEFAULTS = {
  ...{ preset: null, issuer: null, client: null, scopes: null, readOnly: false },
  ...{ sendResource: null, reach: 'public', exchange: null },
};

test('everything about an account may be left out, and is shown filled in', async () => {
  assert.deepEqual((await add('plain', { kind: 'oauth-per-user' })).body.auth, {
    kind: 'oauth-per-user',
    oauth: DEFAULTS,
  });
  const made = await add(
    'full',
    {
      kind: 'oauth-shared',
      oauth: {
        preset: 'github',
        client: { id: 'Iv1', authMethod: 'client_secret_post' },
        scopes: ['repo'],
        reach: 'internal',
      },
    },
    { identityHeader: 'X-Caller' },
  );
  assert.equal(made.body.identityHeader, 'X-Caller');
  assert.deepEqual((await bench.call('GET', '/upstreams/full')).body.auth.oauth, {
    ...DEFAULTS,
    preset: 'github',
    client: { id: 'Iv1', authMethod: 'client_secret_post' },
    scopes: ['repo'],
    reach: 'internal',
  });
  const exchange = await add('exchange', {
    kind: 'token-exchange',
    oauth: { client: { id: 'a' }, exchange: { grant: 'id-jag', subject: 'identity-provider', provider: 'acme' } },
  });
  assert.deepEqual(exchange.body.auth.oauth.exchange, {
    ...{ grant: 'id-jag', subject: 'identity-provider', provider: 'acme', audience: null },
  });
});

test('what does not fit together is refused, with what to change', async () => {
  const rows: [auth: object, expected: RegExp, more?: object][] = [
    [{ kind: 'oauth' }, /auth/],
    [{ kind: 'oauth-per-user', oauth: { preset: 'githbu' } }, /github/],
    [{ kind: 'oauth-per-user', oauth: { readOnly: true } }, /Set `preset`/],
    [{ kind: 'oauth-per-user', oauth: { issuer: 'http://as.example' } }, /Use https/],
    [{ kind: 'oauth-per-user', oauth: { scopes: ['a b'] } }, /not one scope/],
    [{ kind: 'oauth-per-user', oauth: { client: { id: 'a', secret: 'canary' } } }, /auth\.oauth\.client\.secret/],
    [{ kind: 'oauth-per-user', oauth: { exchange: { grant: 'id-jag' } } }, /auth\.oauth\.exchange/],
    [{ kind: 'client-credentials', oauth: {} }, /auth\.oauth\.client: Register a client/],
    [{ kind: 'token-exchange', oauth: {} }, /auth\.oauth\.client: Register a client/],
    [{ kind: 'token-exchange', oauth: { client: null } }, /auth\.oauth\.client: Register a client/],
    [{ kind: 'token-exchange' }, /auth\.oauth/],
    [{ kind: 'client-credentials', oauth: { client: { id: 'a', authMethod: 'none' } } }, /authMethod/],
    [
      { kind: 'token-exchange', oauth: { client: { id: 'a' }, exchange: { subject: 'identity-provider' } } },
      /`provider` goes with/,
    ],
    [{ kind: 'oauth-per-user' }, /identityHeader.*travels in|not for statements/, { identityHeader: 'Authorization' }],
    [{ kind: 'none' }, /no header for each call/, { identityHeader: 'X-Caller', transport: 'sse' }],
    [{ kind: 'none' }, /callers could send/, { identityHeader: 'X-Caller', forwardHeaders: ['x-caller'] }],
  ];
  for (const [auth, expected, more] of rows) {
    const { status, body } = await add('refused', auth, more);
    assert.equal(status, 422, JSON.stringify(auth));
    assert.match(body.detail, expected);
    assert.doesNotMatch(JSON.stringify(body), /canary/);
  }
});

test('a document changes every setting of an upstream, also who is told who calls', async () => {
  await add('applied', { kind: 'none' });
  const { url, enabled } = off;
  const upstream = { name: 'applied', url, enabled, auth: { kind: 'oauth-per-user' }, identityHeader: 'X-Caller' };
  const { body } = await bench.call('POST', '/state/apply', { version: 1, upstreams: [upstream] });
  const [change] = body.changes;
  assert.deepEqual([change.name, Object.keys(change.details).sort()], ['applied', ['auth', 'identityHeader']]);
  assert.equal((await bench.call('GET', '/upstreams/applied')).body.identityHeader, 'X-Caller');
});

test('what a gateway without signing keys cannot keep is refused, wherever it is declared', async (t) => {
  const unsigned = await openAdminBench();
  t.after(unsigned.close);
  const client = { id: 'a' };
  const vouched = { kind: 'token-exchange', oauth: { client } };
  const byCompany = {
    kind: 'token-exchange',
    oauth: { client, exchange: { subject: 'identity-provider', provider: 'a' } },
  };
  const told = { ...off, name: 'told', identityHeader: 'X-Caller' };
  const rows: [upstream: object, path: string][] = [
    [told, 'identityHeader'],
    [{ ...off, name: 'told', auth: vouched }, 'auth.oauth.exchange'],
    [{ ...off, name: 'told', auth: { kind: 'oauth-per-user' } }, 'auth.kind'],
  ];
  for (const [upstream, path] of rows) {
    const created = await unsigned.call('POST', '/upstreams', upstream);
    assert.equal(created.status, 422);
    assert.deepEqual(
      created.body.errors.map((fault: { path: string }) => fault.path),
      [path],
    );
    assert.match(created.body.detail, /(?:no key to sign who calls|nobody can connect an account)\. Switch it on, or/);
    const applied = await unsigned.call('POST', '/state/apply', { version: 1, upstreams: [upstream] });
    assert.equal(applied.status, 422);
    assert.equal(applied.body.errors[0].path, `upstreams[0].${path}`);
  }
  const { status, etag } = await unsigned.call('POST', '/upstreams', { ...off, name: 'told', auth: byCompany });
  assert.equal(status, 201, 'what somebody else vouches for needs no key of ours');
  const { name: _, ...settings } = told;
  const replaced = await unsigned.call('PUT', '/upstreams/told', settings, { headers: { 'if-match': etag } });
  assert.equal(replaced.status, 422);
});

test('the secret of a client is stored under the name that its method needs, and no other', async () => {
  await add('secret', { kind: 'oauth-per-user', oauth: { client: { id: 'a', authMethod: 'client_secret_basic' } } });
  await add('key', { kind: 'client-credentials', oauth: { client: { id: 'a', authMethod: 'private_key_jwt' } } });
  await add('public', { kind: 'oauth-per-user', oauth: { client: { id: 'a' } } });
  await add('registers', { kind: 'oauth-per-user' });
  assert.equal((await put('secret', { 'client-secret': 'hush hush' })).status, 200);
  assert.equal((await bench.vault.get(at('secret', 'client-secret')))?.reveal(), 'hush hush');
  assert.match((await put('secret', { 'client-key': 'x' })).body.detail, /proves itself with `client-secret`/);
  assert.match((await put('secret', { 'client-secret': 'canary\n' })).body.detail, /cannot hold/);
  assert.match((await put('public', { 'client-secret': 'x' })).body.detail, /set `authMethod`/);
  assert.match((await put('registers', { 'client-secret': 'x' })).body.detail, /registers itself/);

  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  assert.equal((await put('key', { 'client-key': pem })).status, 200);
  assert.equal((await put('key', { 'client-key': JSON.stringify(privateKey.export({ format: 'jwk' })) })).status, 200);
  const x25519 = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  for (const [value, expected] of [
    ['canary', /no private key/],
    [publicKey.export({ type: 'spki', format: 'pem' }).toString(), /no private key/],
    ['{"kty":"EC","canary":1}', /no private key/],
    [x25519, /RSA, EC or Ed25519/],
  ] as const) {
    const { status, body } = await put('key', { 'client-key': value });
    assert.equal(status, 422);
    assert.match(body.detail, expected);
    assert.doesNotMatch(JSON.stringify(body), /canary/);
  }
  const mine = await bench.call('PUT', `/upstreams/secret/credentials/user/${bench.member.id}`, { values: { a: 'b' } });
  assert.equal(mine.status, 409);
  assert.match(mine.body.detail, /toolgate connection/);
});

test('what the gateway keeps of connections is neither shown, nor written, nor removed as a stored value', async () => {
  await add('kept', { kind: 'oauth-shared', oauth: { client: { id: 'a', authMethod: 'client_secret_basic' } } });
  await bench.vault.put(at('kept', 'oauth-tokens'), new Secret('{"canary":1}'));
  await put('kept', { 'client-secret': 'hush' });
  assert.equal((await put('from-file', { 'oauth-tokens': 'x' })).status, 422);
  assert.equal((await put('kept', { 'oauth-tokens': 'x' })).status, 422);
  const { body } = await bench.call('GET', '/upstreams/kept/credentials');
  assert.deepEqual(
    body.items.map(({ name }: { name: string }) => name),
    ['client-secret'],
  );
  assert.equal((await bench.call('DELETE', '/upstreams/kept/credential')).status, 204);
  assert.equal((await bench.vault.get(at('kept', 'oauth-tokens')))?.reveal(), '{"canary":1}');
  assert.equal(await bench.vault.get(at('kept', 'client-secret')), null);
});

test('a secret is never shown to another provider than it was stored for', async () => {
  const client = { id: 'a', authMethod: 'client_secret_basic' };
  const moves: readonly [string, object][] = [
    ['issuer', { kind: 'oauth-per-user', oauth: { client, issuer: 'https://evil.example' } }],
    ['client', { kind: 'oauth-per-user', oauth: { client: { ...client, id: 'b' } } }],
    ['kind', { kind: 'client-credentials', oauth: { client } }],
    ['preset', { kind: 'oauth-per-user', oauth: { client, preset: 'keycloak' } }],
  ];
  for (const [name, auth] of moves) {
    const { etag } = await add(name, { kind: 'oauth-per-user', oauth: { client } });
    await put(name, { 'client-secret': 'hush' });
    const kept = await bench.call(
      'PUT',
      `/upstreams/${name}`,
      { ...off, auth: { kind: 'oauth-per-user', oauth: { client, scopes: ['a'] } } },
      { headers: { 'if-match': etag } },
    );
    assert.equal(kept.body.credentialsRemoved, 0);
    const moved = await bench.call(
      'PUT',
      `/upstreams/${name}`,
      { ...off, auth },
      { headers: { 'if-match': kept.etag } },
    );
    assert.equal(moved.body.credentialsRemoved, 1, name);
    assert.equal(await bench.vault.get(at(name, 'client-secret')), null);
  }
});

test('what an earlier upstream of this name left at a provider does not serve the new one', async () => {
  // As when the earlier one stood in the configuration file.
  const left = await putConnection(
    bench.db,
    {
      ...{ tenantId: DEFAULT_TENANT, upstream: 'reborn', owner: SHARED, id: newId('con'), grantId: newId('cgr') },
      ...{ issuer: 'https://idp.example', clientId: 'toolgate', scopes: [], account: null, generation: 1 },
      ...{ expiresAt: null, refreshExpiresAt: null, refreshDueAt: null },
    },
    Date.now(),
  );
  assert.equal((await findConnection(bench.db, left!))?.state, 'connected');
  assert.equal((await add('reborn', { kind: 'oauth-shared' })).status, 201);
  assert.equal((await findConnection(bench.db, left!))?.state, 'ending');
});
