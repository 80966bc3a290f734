import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { cedarPattern, cedarString, printable } from './cedar-text.ts';

test('a string literal escapes quotes, backslashes and everything that cannot be seen', () => {
  assert.equal(cedarString('get_*'), '"get_*"');
  assert.equal(cedarString('a"b\\c'), '"a\\"b\\\\c"');
  assert.equal(cedarString('a\nb\0\u202e\u{1f600}ü'), '"a\\u{a}b\\u{0}\\u{202e}\u{1f600}ü"');
});

test('a pattern keeps its wildcards, and nothing else is one', () => {
  assert.equal(cedarPattern('get_*'), '"get_*"');
  assert.equal(cedarPattern('a**\\*"'), '"a*\\\\*\\""');
});

test('half of a surrogate pair is refused, because Cedar cannot tell two of them apart', () => {
  assert.throws(
    () => cedarString('a\ud800'),
    (error) => error instanceof AppError && error.code === 'unprocessable',
  );
});

test('what people read stays on one line', () => {
  assert.equal(printable('a\r\nb\u2028c\x1b[31m\ud800'), 'a\\u{d}\\u{a}b\\u{2028}c\\u{1b}[31m\ufffd');
});
