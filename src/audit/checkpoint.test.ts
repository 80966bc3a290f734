import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { type Checkpoint, isSignedBy, keyIdOf, parseCheckpoint, readPublicKey, signCheckpoint } from './checkpoint.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const checkpoint: Checkpoint = { log: 'log_1', kind: 'periodic', number: 1, seq: 10, hash: 'ab', time: 5 };
const line = signCheckpoint(checkpoint, privateKey, keyIdOf(publicKey));

test('a checkpoint is read back as it was signed', () => {
  const signed = parseCheckpoint(line)!;
  assert.deepEqual(signed.checkpoint, checkpoint);
  assert.equal(isSignedBy(signed, publicKey), true);
});

test('no other character makes a valid checkpoint of the line, in any place', () => {
  for (let at = 0; at < line.length; at++) {
    for (const other of ['0', 'A', ' ', '"']) {
      if (line[at] === other) continue;
      const changed = parseCheckpoint(line.slice(0, at) + other + line.slice(at + 1));
      const valid = changed?.key === keyIdOf(publicKey) && isSignedBy(changed, publicKey);
      assert.equal(valid, false, `${other} at ${at}`);
    }
  }
});

test('members that the signature does not cover are refused', () => {
  assert.equal(parseCheckpoint(line.replace('{"log"', '{"note":"x","log"')), null);
  assert.equal(parseCheckpoint(`${line.slice(0, -1)},"note":1}`), null);
});

test('another key, or a signature for another purpose, does not count', () => {
  const other = generateKeyPairSync('ed25519');
  assert.equal(isSignedBy(parseCheckpoint(line)!, other.publicKey), false);
});

test('a public key is read as PEM and as base64 DER, and only Ed25519 is taken', () => {
  const der = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  assert.equal(keyIdOf(readPublicKey(der)), keyIdOf(readPublicKey(pem)));
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey;
  assert.throws(() => readPublicKey(rsa.export({ type: 'spki', format: 'pem' }) as string), /Ed25519/);
});
