import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../lib/secret.ts';
import type { SecretRef } from '../store/secrets.ts';
import { createClientSecrets } from './client-secrets.ts';

const vault = (entries: Record<string, string>) => ({
  async get({ upstream, owner, name }: SecretRef) {
    const value = owner.kind === 'shared' ? entries[`${upstream}/${name}`] : undefined;
    return value === undefined ? null : new Secret(value);
  },
});

test('the secret of a client comes from the entry of its name, and from no other upstream', async () => {
  const secretOf = createClientSecrets({
    vault: vault({ 'gh/client-secret': 'stored' }),
    templates: () => undefined,
    env: {},
  });
  assert.equal((await secretOf('gh', 'client-secret'))?.reveal(), 'stored');
  assert.equal(await secretOf('gh', 'client-key'), null);
  assert.equal(await secretOf('other', 'client-secret'), null);
});

test('what the configuration file says goes first, with its references filled in from where they lead now', async () => {
  const env: Record<string, string> = { SECRET: 'one' };
  const templates = new Map([
    ['client-secret', new Secret('${env:SECRET}')],
    ['client-key', new Secret('${vault:key}')],
  ] as const);
  const secretOf = createClientSecrets({
    vault: vault({ 'gh/client-secret': 'stored', 'gh/key': 'a key' }),
    templates: (name) => (name === 'gh' ? templates : undefined),
    env,
  });
  assert.equal((await secretOf('gh', 'client-secret'))?.reveal(), 'one');
  env.SECRET = 'two';
  assert.equal((await secretOf('gh', 'client-secret'))?.reveal(), 'two');
  assert.equal((await secretOf('gh', 'client-key'))?.reveal(), 'a key');
});

test('a reference that leads nowhere is named, and nothing goes out without the secret', async () => {
  const secretOf = createClientSecrets({
    vault: vault({}),
    templates: () => new Map([['client-secret', new Secret('${vault:gone}')]]),
    env: {},
  });
  await assert.rejects(secretOf('gh', 'client-secret'), {
    code: 'upstream_credential_missing',
    message: '"gh" cannot be connected: the secret of its client is not there. ${vault:gone} has no value.',
  });
});
