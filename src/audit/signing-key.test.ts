import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadSigningKey } from './signing-key.ts';

const folder = mkdtempSync(join(tmpdir(), 'toolgate-key-'));
after(() => rmSync(folder, { recursive: true }));

test('the key is created once, for its owner alone, and stays the same', () => {
  const file = join(folder, 'audit.key');
  const created = loadSigningKey(file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(loadSigningKey(file).publicKey, created.publicKey);
  assert.match(created.keyId, /^[0-9a-f]{16}$/);
});

test('a key that others can read, that is no key or of another kind is refused, and says how to go on', () => {
  const file = join(folder, 'bad.key');
  loadSigningKey(file);
  chmodSync(file, 0o640);
  assert.throws(() => loadSigningKey(file), /chmod 600/);
  chmodSync(file, 0o600);
  writeFileSync(file, 'nonsense');
  assert.throws(() => loadSigningKey(file), /not a PEM private key/);
  writeFileSync(file, generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  assert.throws(() => loadSigningKey(file), /not an Ed25519 key/);
});
