import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { oauthSettings } from '../../test/fakes/oauth-settings.ts';
import { createRotatingTokens } from '../../test/fakes/rotating-tokens.ts';
import { httpUpstream, noTokens } from '../../test/fakes/upstream-call.ts';
import { Secret } from '../lib/secret.ts';
import type { UpstreamOauthAuth } from '../model/upstream.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { parseMasterKey } from '../vault/master-key.ts';
import { openVault, SHARED } from '../vault/vault.ts';
import { openCredentials } from './resolve-credential.ts';
import type { Credential } from './upstream-connection.ts';
import { searchForCredential } from './without-secrets.ts';

async function vaultFor(t: TestContext) {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  return openVault({ db, masterKey: parseMasterKey(randomBytes(32).toString('base64'), 'test') });
}
const NO_TOKENS = { connections: noTokens, machine: noTokens };
const at = (name: string, owner: typeof SHARED = SHARED) => ({ tenantId: 'default', upstream: 'github', owner, name });
const user = (id: string) => ({ kind: 'user', id }) as const;
const values = ({ headers }: Credential) => headers.map(([name, value]) => `${name}: ${value.reveal()}`);
const shared = httpUpstream('http://x/', {
  name: 'github',
  auth: { kind: 'headers', names: ['Authorization', 'X-Org'] },
});
const personal = httpUpstream('http://x/', {
  name: 'github',
  auth: { kind: 'headers-per-user', names: ['Authorization'] },
});

test('an upstream without authentication gets the same empty credential at once', async (t) => {
  const credentials = openCredentials({ vault: await vaultFor(t), ...NO_TOKENS });
  const upstream = httpUpstream('http://x/');
  assert.deepEqual(credentials.of(upstream, undefined), { id: 'none', headers: [] });
});

test('shared headers come from the vault once, then from memory without waiting', async (t) => {
  const vault = await vaultFor(t);
  const credentials = openCredentials({ vault, ...NO_TOKENS });
  await vault.put(at('Authorization'), new Secret('Bearer a'));
  await vault.put(at('X-Org'), new Secret('acme'));
  const first = await credentials.of(shared, undefined);
  assert.deepEqual(values(first), ['Authorization: Bearer a', 'X-Org: acme']);
  assert.equal(credentials.of(shared, user('anybody')), first);
  assert.doesNotMatch(inspect(first, { depth: 5 }), /Bearer a|acme/);
});

test('one missing value fails the whole credential', async (t) => {
  const vault = await vaultFor(t);
  await vault.put(at('Authorization'), new Secret('Bearer a'));
  const credentials = openCredentials({ vault, ...NO_TOKENS });
  await assert.rejects(async () => credentials.of(shared, undefined), {
    code: 'upstream_credential_missing',
    message: /X-Org/,
  });
  await vault.put(at('X-Org'), new Secret('acme'));
  assert.equal((await credentials.of(shared, undefined)).headers.length, 2);
});

test('a person gets their own credential, never another one and never the shared one', async (t) => {
  const vault = await vaultFor(t);
  await vault.put(at('Authorization'), new Secret('shared'));
  await vault.put(at('Authorization', user('usr_a')), new Secret('of a'));
  await vault.put(at('Authorization', { kind: 'service_account', id: 'usr_b' }), new Secret('of a machine'));
  const credentials = openCredentials({ vault, ...NO_TOKENS });
  const own = await credentials.of(personal, user('usr_a'));
  assert.deepEqual(values(own), ['Authorization: of a']);
  assert.match(own.id, /^user:usr_a:/);
  await assert.rejects(async () => credentials.of(personal, user('usr_b')), { code: 'upstream_credential_missing' });
  await assert.rejects(async () => credentials.of(personal, undefined), { code: 'upstream_credential_missing' });
});

test('a new value makes a new credential for its owner alone', async (t) => {
  const vault = await vaultFor(t);
  await vault.put(at('Authorization', user('usr_a')), new Secret('a1'));
  await vault.put(at('Authorization', user('usr_b')), new Secret('b1'));
  const credentials = openCredentials({ vault, ...NO_TOKENS });
  const [a, b] = await Promise.all([credentials.of(personal, user('usr_a')), credentials.of(personal, user('usr_b'))]);
  await vault.put(at('Authorization', user('usr_a')), new Secret('a2'));
  const renewed = await credentials.of(personal, user('usr_a'));
  assert.deepEqual(values(renewed), ['Authorization: a2']);
  assert.notEqual(renewed.id, a.id);
  assert.equal(credentials.of(personal, user('usr_b')), b);
  await vault.remove(at('Authorization', user('usr_a')));
  await assert.rejects(async () => credentials.of(personal, user('usr_a')), { code: 'upstream_credential_missing' });
});

test('header values of the configuration file are filled in from the environment and the vault', async (t) => {
  const vault = await vaultFor(t);
  await vault.put(at('org'), new Secret('acme'));
  const templates = () =>
    [
      ['authorization', new Secret('Bearer ${env:TOKEN}')],
      ['x-org', new Secret('org-${vault:org}')],
    ] as const;
  const env: Record<string, string> = {};
  const credentials = openCredentials({ vault, templates, env, ...NO_TOKENS });
  await assert.rejects(async () => credentials.of(shared, undefined), {
    code: 'upstream_credential_missing',
    message: /env:TOKEN/,
  });
  env.TOKEN = 't1';
  assert.deepEqual(values(await credentials.of(shared, undefined)), ['Authorization: Bearer t1', 'X-Org: org-acme']);
});

const CHALLENGE = { status: 401, resourceMetadata: null, scopes: [], error: null } as const;
const withToken = (kind: UpstreamOauthAuth['kind']) =>
  httpUpstream('http://x/', { name: 'github', auth: { kind, oauth: oauthSettings() } });

test('tokens of accounts come from the connections, those of machines from their grants', async (t) => {
  const [connections, machine] = [createRotatingTokens(), createRotatingTokens()];
  machine.expire();
  const credentials = openCredentials({ vault: await vaultFor(t), connections, machine });
  const tokenOf = async (kind: UpstreamOauthAuth['kind'], owner?: ReturnType<typeof user>) =>
    values(await credentials.of(withToken(kind), owner));
  assert.deepEqual(await tokenOf('oauth-shared'), ['Authorization: Bearer token-of-everybody-number-1']);
  assert.deepEqual(await tokenOf('oauth-per-user', user('a')), ['Authorization: Bearer token-of-a-number-1']);
  assert.deepEqual(await tokenOf('client-credentials'), ['Authorization: Bearer token-of-everybody-number-2']);
  assert.deepEqual(await tokenOf('token-exchange', user('a')), ['Authorization: Bearer token-of-a-number-2']);
});

test('where everybody has their own token, nobody gets one without saying who they are', async (t) => {
  const tokens = createRotatingTokens();
  const credentials = openCredentials({ vault: await vaultFor(t), connections: tokens, machine: tokens });
  for (const kind of ['oauth-per-user', 'token-exchange'] as const) {
    await assert.rejects(async () => credentials.of(withToken(kind), undefined), {
      code: 'upstream_credential_missing',
    });
  }
});

test('a token in memory is had without waiting, as the same object, and under one id over all its generations', async (t) => {
  const tokens = createRotatingTokens();
  const credentials = openCredentials({ vault: await vaultFor(t), connections: tokens, machine: noTokens });
  const upstream = withToken('oauth-per-user');
  const first = credentials.of(upstream, user('a')) as Credential;
  assert.equal(credentials.of(upstream, user('a')), first);
  tokens.expire();
  const second = await first.renew!(CHALLENGE);
  assert.equal(second.id, first.id);
  assert.notDeepEqual(values(second), values(first));
  assert.equal(credentials.of(upstream, user('a')), second);
  assert.equal(await first.renew!(CHALLENGE), second);
  assert.deepEqual(
    tokens.renewals.map(({ owner, used }) => [owner, used]),
    [
      ['a', 'Bearer token-of-a-number-1'],
      ['a', 'Bearer token-of-a-number-1'],
    ],
  );
  await assert.rejects(second.renew!(CHALLENGE), { code: 'upstream_credential_rejected', message: /as new as can be/ });
});

test('a token is looked for together with the one before it, also by who began with the older one', async (t) => {
  const tokens = createRotatingTokens();
  const credentials = openCredentials({ vault: await vaultFor(t), connections: tokens, machine: noTokens });
  const first = credentials.of(withToken('oauth-shared'), undefined) as Credential;
  const search = searchForCredential(first)!;
  const finds = (generation: number) =>
    search.find(Buffer.from(`… token-of-everybody-number-${generation} …`), 0) !== undefined;
  assert.deepEqual([1, 2, 3].map(finds), [true, false, false]);
  tokens.expire();
  const second = await first.renew!(CHALLENGE);
  assert.deepEqual([1, 2, 3].map(finds), [true, true, false]);
  tokens.expire();
  await second.renew!(CHALLENGE);
  assert.deepEqual([1, 2, 3].map(finds), [false, true, true]);
});

test('what people store has no successor: a value that is refused stays refused', async (t) => {
  const vault = await vaultFor(t);
  await vault.put(at('Authorization', user('a')), new Secret('Bearer a'));
  const credential = await openCredentials({ vault, ...NO_TOKENS }).of(personal, user('a'));
  assert.deepEqual([credential.renew, credential.trail], [undefined, undefined]);
});
