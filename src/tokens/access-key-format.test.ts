import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { mintAccessKey, parseAccessKey } from './access-key-format.ts';

test('a new key has the documented form and parses to its own kind and hash', () => {
  for (const [kind, prefix] of [
    ['personal', 'tgp_'],
    ['service', 'tgs_'],
  ] as const) {
    const { secret, hash, hint } = mintAccessKey(kind);
    const text = secret.reveal();
    assert.match(text, new RegExp(`^${prefix}[0-9A-Za-z]{49}$`));
    assert.equal(hash, createHash('sha256').update(text).digest('hex'));
    assert.equal(hint, `${text.slice(0, 8)}…`);
    assert.deepEqual(parseAccessKey(text), { kind, hash });
  }
});

test('known answer: a key that another implementation of the format made is taken', () => {
  // CRC-32 of "tgp_" + 43 zeros is 1030331791.
  assert.deepEqual(parseAccessKey(`tgp_${'0'.repeat(43)}17jAMh`)?.kind, 'personal');
});

test('keys are never the same and never start the same', () => {
  const keys = Array.from({ length: 10_000 }, () => mintAccessKey('service').secret.reveal());
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(new Set(keys.map((key) => key.slice(0, 20))).size, keys.length);
});

test('every changed, missing, additional or swapped character is refused before any lookup', () => {
  const text = mintAccessKey('personal').secret.reveal();
  for (let at = 0; at < text.length; at++) {
    for (const other of ['0', 'a', 'Z', '_', ' ', 'ä', '\n']) {
      if (other !== text[at]) assert.equal(parseAccessKey(text.slice(0, at) + other + text.slice(at + 1)), null);
      assert.equal(parseAccessKey(text.slice(0, at) + other + text.slice(at)), null);
    }
    assert.equal(parseAccessKey(text.slice(0, at) + text.slice(at + 1)), null);
    const swapped = text.slice(0, at) + (text[at + 1] ?? '') + text[at] + text.slice(at + 2);
    if (swapped !== text) assert.equal(parseAccessKey(swapped), null);
  }
  for (const around of [`${text} `, ` ${text}`, `${text}\n`, `Bearer ${text}`, text.toUpperCase(), `${text}${text}`]) {
    assert.equal(parseAccessKey(around), null);
  }
});

test('what is no key at all is refused without an exception', () => {
  for (const text of ['', 'tgp_', 'tgs_', 'sk-random', 'ghp_abc', 'tgp_'.repeat(20), '\0', 'tgx_'.padEnd(53, '0')]) {
    assert.equal(parseAccessKey(text), null);
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(parseAccessKey(text), null)));
});
