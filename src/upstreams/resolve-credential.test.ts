import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { httpUpstream } from '../../test/fakes/upstream-call.ts';
import { Secret } from '../lib/secret.ts';
import { openDatabase } from '../store/database.ts';
import { migrate } from '../store/migrate.ts';
import { parseMasterKey } from '../vault/master-key.ts';
import { openVault, SHARED } from '../vault/vault.ts';
import { openCredentials } from './resolve-credential.ts';
import type { Credential } from './upstream-connection.ts';

async function vaultFor(t: TestContext) {
  const db = await openDatabase({ file: ':memory:' });
  t.after(() => db.destroy());
  await migrate(db);
  return openVault({ db, masterKey: parseMasterKey(randomBytes(32).toString('base64'), 'test') });
}
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
  const credentials = openCredentials({ vault: await vaultFor(t) });
  const upstream = httpUpstream('http://x/');
  assert.deepEqual(credentials.of(upstream, undefined), { id: 'none', headers: [] });
});

test('shared headers come from the vault once, then from memory without waiting', async (t) => {
  const vault = await vaultFor(t);
  const credentials = openCredentials({ vault });
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
  const credentials = openCredentials({ vault });
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
  const credentials = openCredentials({ vault });
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
  const credentials = openCredentials({ vault });
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
  const credentials = openCredentials({ vault, templates, env });
  await assert.rejects(async () => credentials.of(shared, undefined), {
    code: 'upstream_credential_missing',
    message: /env:TOKEN/,
  });
  env.TOKEN = 't1';
  assert.deepEqual(values(await credentials.of(shared, undefined)), ['Authorization: Bearer t1', 'X-Org: org-acme']);
});
