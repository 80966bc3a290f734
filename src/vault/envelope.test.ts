import assert from 'node:assert/strict';
import { createCipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Secret } from '../lib/secret.ts';
import type { SecretRef } from '../store/secrets.ts';
import { type DataKey, dataKeyIdOf, openSecret, sealSecret } from './envelope.ts';

const dataKey: DataKey = { id: 'dk_1', key: createSecretKey(Buffer.alloc(32, 0x11)) };
const ref: SecretRef = {
  tenantId: 'default',
  upstream: 'github',
  owner: { kind: 'user', id: 'usr_1' },
  name: 'Authorization',
};
const shared: SecretRef = { ...ref, owner: { kind: 'shared', id: '' } };

test('what is sealed opens again, whatever the text', () => {
  for (const text of ['', 'a', 'Bearer ghp_known', 'ünï 🔑 \n', 'x'.repeat(100_000)]) {
    assert.equal(openSecret(dataKey, ref, 7, sealSecret(dataKey, ref, 7, new Secret(text))).reveal(), text);
  }
});

test('known answer: the envelope is AES-256-GCM over exactly the documented additional data', () => {
  const prefixed = (text: string) => Buffer.concat([Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]);
  const aad = Buffer.concat(
    ['toolgate secret', 'v1', 'dk_1', 'default', 'github', 'user', 'usr_1', 'Authorization', '7'].map(prefixed),
  );
  const iv = Buffer.alloc(12, 0x42);
  const cipher = createCipheriv('aes-256-gcm', Buffer.alloc(32, 0x11), iv).setAAD(aad);
  const body = Buffer.concat([cipher.update('Bearer ghp_known'), cipher.final(), cipher.getAuthTag()]);
  const envelope = `v1.dk_1.${iv.toString('base64url')}.${body.toString('base64url')}`;
  assert.equal(openSecret(dataKey, ref, 7, envelope).reveal(), 'Bearer ghp_known');
});

test('known answer: an envelope of an earlier release opens', () => {
  const envelope = 'v1.dk_1.o3WbHq90IsLtugRK.FMQXyHkoHsVxr5TQ2_4G8chgWru9dQ3D2eo-R76dYHo';
  assert.equal(openSecret(dataKey, ref, 7, envelope).reveal(), 'Bearer ghp_known');
});

test('the same secret never gives the same envelope', () => {
  assert.notEqual(sealSecret(dataKey, ref, 1, new Secret('x')), sealSecret(dataKey, ref, 1, new Secret('x')));
});

test('an envelope opens in its own place and version only', () => {
  const envelope = sealSecret(dataKey, ref, 7, new Secret('canary'));
  const elsewhere: readonly [SecretRef, number][] = [
    [{ ...ref, tenantId: 'other' }, 7],
    [{ ...ref, upstream: 'gitlab' }, 7],
    [{ ...ref, name: 'authorization' }, 7],
    [{ ...ref, owner: { kind: 'user', id: 'usr_2' } }, 7],
    [{ ...ref, owner: { kind: 'service_account', id: 'usr_1' } }, 7],
    [shared, 7],
    [{ ...ref, tenantId: 'defaultgithub', upstream: '' }, 7],
    [{ ...ref, upstream: '', tenantId: 'default' }, 7],
    [ref, 6],
    [ref, 8],
    [ref, 77],
  ];
  for (const [place, version] of elsewhere) assert.throws(() => openSecret(dataKey, place, version, envelope));
});

test('a shared secret and one of a principal do not open for each other', () => {
  assert.throws(() => openSecret(dataKey, ref, 1, sealSecret(dataKey, shared, 1, new Secret('x'))));
});

test('another data key does not open it, even under the same id', () => {
  const envelope = sealSecret(dataKey, ref, 1, new Secret('x'));
  assert.throws(() => openSecret({ id: 'dk_1', key: createSecretKey(randomBytes(32)) }, ref, 1, envelope));
  assert.throws(() => openSecret({ id: 'dk_2', key: dataKey.key }, ref, 1, envelope));
  assert.throws(() => openSecret({ id: 'dk_2', key: dataKey.key }, ref, 1, envelope.replace('dk_1', 'dk_2')));
});

test('any changed, removed, added or cut character of the envelope is refused', () => {
  const envelope = sealSecret(dataKey, ref, 7, new Secret('Bearer ghp_known'));
  const refused = (changed: string) => assert.throws(() => openSecret(dataKey, ref, 7, changed), changed);
  for (let at = 0; at < envelope.length; at++) {
    for (const other of ['A', 'B', '_', '-', '.', '=', '\n', '+', String.fromCharCode(envelope.charCodeAt(at) ^ 1)]) {
      if (other !== envelope[at]) refused(envelope.slice(0, at) + other + envelope.slice(at + 1));
      refused(envelope.slice(0, at) + other + envelope.slice(at));
    }
    refused(envelope.slice(0, at) + envelope.slice(at + 1));
    refused(envelope.slice(0, at));
  }
  for (const tail of ['A', '=', '.', '.AAAA', '\n', ' ']) refused(envelope + tail);
});

test('the envelope says which data key opens it, and what is none is refused', () => {
  assert.equal(dataKeyIdOf(sealSecret(dataKey, ref, 1, new Secret('x'))), 'dk_1');
  for (const text of ['', 'v1', 'v1..a.b', 'v2.dk_1.a.b', 'v1.dk_1.a', 'v1.dk_1.a.b.c', 'Bearer ghp_known']) {
    assert.throws(() => dataKeyIdOf(text), text);
  }
});
