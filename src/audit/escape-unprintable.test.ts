import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeUnprintable, escapeUnprintableJson } from './escape-unprintable.ts';

test('control, ANSI, bidirectional, invisible and tag characters are shown as escapes', () => {
  const cases: [string, string][] = [
    ['a\r\nb', 'a\\u000d\\u000ab'],
    ['\u001b[31mred', '\\u001b[31mred'],
    ['\u009b31m', '\\u009b31m'],
    ['user\u202eexe.txt', 'user\\u202eexe.txt'],
    ['\u2066x\u2069', '\\u2066x\\u2069'],
    ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
    ['zero\u200bwidth\ufeff', 'zero\\u200bwidth\\ufeff'],
    ['\u{e0041}', '\\udb40\\udc41'],
  ];
  for (const [text, shown] of cases) assert.equal(escapeUnprintable(text), shown);
});

test('what can be read is left alone, in any script', () => {
  for (const text of ['plain', 'Zürich', '東京', '😀', 'مرحبا', '']) assert.equal(escapeUnprintable(text), text);
});

test('escaped JSON is the same value, on one line, without a raw control or bidirectional character', () => {
  fc.assert(
    fc.property(fc.json({ stringUnit: 'binary' }), (source) => {
      const value: unknown = JSON.parse(source);
      const escaped = escapeUnprintableJson(JSON.stringify(value));
      assert.deepEqual(JSON.parse(escaped), value);
      assert.equal(escapeUnprintable(escaped), escaped);
    }),
  );
});
