import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopbackHost } from './loopback.ts';

for (const host of [
  'localhost',
  'LOCALHOST',
  '127.0.0.1',
  '127.8.9.10',
  '::1',
  '[::1]',
  '::ffff:127.0.0.1',
  '0:0:0:0:0:0:0:1',
]) {
  test(`${host} is loopback`, () => assert.equal(isLoopbackHost(host), true));
}

// The short, octal and hexadecimal spellings are what SSRF and rebinding filters are fooled with.
for (const host of [
  '',
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '127.1',
  '0x7f.1',
  '2130706433',
  '0177.0.0.1',
  'localhost.',
  'localhost.evil.example',
  'my.localhost',
  '127.0.0.1.evil.example',
  '::2',
  '[127.0.0.1',
]) {
  test(`"${host}" is not loopback`, () => assert.equal(isLoopbackHost(host), false));
}
