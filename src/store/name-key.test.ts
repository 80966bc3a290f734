import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameKey } from './name-key.ts';

test('names that differ in case or compatibility form only are the same name', () => {
  for (const same of ['Zoë', 'ZOË', 'zoe\u0308', 'Ｚoë']) assert.equal(nameKey(same), 'zoë');
});

test('names that differ otherwise stay apart', () => {
  const names = ['ann', 'anna', 'ann ', 'an\u200bn', 'аnn' /* Cyrillic а */, 'ann@example.org', 'ann@example.com'];
  assert.equal(new Set(names.map(nameKey)).size, names.length);
});
