import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explained } from './help-text.ts';

test('an explanation is wrapped at 80 columns, and what is indented stays as it is', () => {
  const text = explained(`${'word '.repeat(40).trim()}\n\n  - indented:   as it is`, 'toolgate x');
  assert.ok(text.split('\n').every((line) => line.length <= 80));
  assert.ok(text.includes('\n\n  - indented:   as it is\n\nExamples:\n  $ toolgate x'));
});
