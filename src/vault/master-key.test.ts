import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { parseMasterKey } from './master-key.ts';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
const random = Buffer.from('9d1f0b64c7e23a58f1d07b9cae45e8136b02f7d95c8a3e41b6df287c0e9453a7', 'hex');

test('a random key is taken as base64, base64url and hex, and all spellings are one key', () => {
  const keys = [base64(random), random.toString('base64url'), random.toString('hex'), `${base64(random)}\n`].map(
    (text) => parseMasterKey(text, 'x'),
  );
  assert.equal(new Set(keys.map((key) => key.id)).size, 1);
  assert.match(keys[0]!.id, /^[0-9a-f]{16}$/);
});

test('generated keys are never refused', () => {
  for (let i = 0; i < 2_000; i++) parseMasterKey(base64(randomBytes(32)), 'x');
});

test('known sample, patterned and low-entropy keys are refused, with how to make a good one', () => {
  const refused: Record<string, string> = {
    empty: '',
    blank: ' \n',
    'all zeros': base64(new Uint8Array(32)),
    'all zeros in hex': '0'.repeat(64),
    'all ones': base64(new Uint8Array(32).fill(0xff)),
    'ascending bytes': base64(ascending),
    'descending bytes': base64(ascending.toReversed()),
    'ascending from 0x80': base64(ascending.map((byte) => byte + 0x80)),
    '00112233…': '00112233445566778899aabbccddeeff'.repeat(2),
    '0123456789abcdef…': '0123456789abcdef'.repeat(4),
    'one random half, twice': base64(Buffer.concat([random.subarray(0, 16), random.subarray(0, 16)])),
    'few different bytes': base64(random.map((byte) => byte & 7)),
    'changeme…': 'changeme'.repeat(6),
    'change-me with digits': 'Change-Me-0123456789-ABCDEFGHIJ-klmnopqrst12',
    secret: 'secret',
    'a secret sentence': base64(Buffer.from('this is my very secret master key, do not tell')),
    'a long word': 'passwordpasswordpasswordpasswordpasswordpass',
    'our own name': `toolgate${base64(random)}`.slice(0, 44),
    'a passphrase in base64': base64(Buffer.from('correct horse battery staple and three more')),
    'the NIST SP 800-38A key': '603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4',
    'the GCM specification key': 'feffe9928665731c6d6a8f9467308308'.repeat(2),
    'the Fernet specification key': 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=',
    'no base64': 'correct horse battery staple and three more!',
    '16 bytes': base64(random.subarray(0, 16)),
    '31 bytes': base64(random.subarray(0, 31)),
    '65 bytes': base64(randomBytes(65)),
  };
  for (const [what, text] of Object.entries(refused)) {
    assert.throws(
      () => parseMasterKey(text, '/etc/key'),
      /The master key in \/etc\/key .*openssl rand -base64 32/s,
      what,
    );
  }
});

test('a refusal does not repeat the key', () => {
  for (const text of [base64(ascending), base64(random.subarray(0, 20)), 'hunter2 hunter2 hunter2']) {
    assert.throws(
      () => parseMasterKey(text, 'the file'),
      (error: Error) => !error.message.includes(text.slice(0, 6)),
    );
  }
});

test('a wrapped data key opens only with its master key, tenant and id', () => {
  const master = parseMasterKey(base64(random), 'x');
  const other = parseMasterKey(base64(randomBytes(32)), 'x');
  const dataKey = randomBytes(32);
  const wrapped = master.wrap('acme', 'dk_1', dataKey);
  assert.deepEqual(master.unwrap('acme', 'dk_1', wrapped), dataKey);
  assert.throws(() => other.unwrap('acme', 'dk_1', wrapped));
  assert.throws(() => master.unwrap('evil', 'dk_1', wrapped));
  assert.throws(() => master.unwrap('acme', 'dk_2', wrapped));
  assert.throws(() => master.unwrap('acmedk_1', '', wrapped));
});

test('the id of a key stays the same from release to release', () => {
  assert.equal(parseMasterKey(base64(random), 'x').id, '5f45a87824a4375e');
});

test('what an earlier release wrapped can still be unwrapped', () => {
  const master = parseMasterKey(base64(random), 'x');
  assert.equal(
    master
      .unwrap('default', 'dk_1', 'ffR-9aMD5z5FJdxe.pyBlOs7A1AUfte_fbbtbu-n5mfcofl8MUy-4f_A2njtb_Snvn4v0L301cZKPX0kf')
      .toString('hex'),
    '22'.repeat(32),
  );
});
