import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shorten } from './shorten.ts';

test('short text stays, on one line', () => {
  assert.equal(shorten('Claude Code', 80), 'Claude Code');
  assert.equal(shorten(`  Claude\n\n\r\n\tCode\u2003 `, 80), 'Claude Code');
  assert.equal(shorten('', 80), '');
});

test('long text loses its end, and a host its beginning', () => {
  assert.equal(shorten('abcdefgh', 5), 'abcd…');
  assert.equal(shorten('claude.ai.evil.example', 13, 'beginning'), '…evil.example');
  assert.equal(shorten('x'.repeat(10_000_000), 5), 'xxxx…');
  assert.equal(shorten(`${'x'.repeat(10_000_000)}.example`, 9, 'beginning'), '….example');
});

test('characters are counted and cut as people see them', () => {
  const family = '👨‍👩‍👧';
  assert.equal(shorten(family.repeat(3), 3), family.repeat(3));
  assert.equal(shorten(family.repeat(4), 3), `${family.repeat(2)}…`);
});
