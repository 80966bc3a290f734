import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base62 } from './base62.ts';

test('numbers are written in base 62 with the digits 0-9, A-Z, a-z', () => {
  assert.equal(base62(0n, 3), '000');
  assert.equal(base62(61n, 1), 'z');
  assert.equal(base62(62n, 2), '10');
  assert.equal(base62(62n ** 43n - 1n, 43), 'z'.repeat(43));
});

test('256 bits fit into 43 digits and 32 bits into 6; what does not fit is an error', () => {
  assert.equal(base62(2n ** 256n - 1n, 43).length, 43);
  assert.equal(base62(2n ** 32n - 1n, 6).length, 6);
  assert.throws(() => base62(62n, 1), RangeError);
});
