import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileGlob } from './glob.ts';

test('a glob matches the whole text, with * for any run of characters', () => {
  const cases: readonly [pattern: string, text: string, expected: boolean][] = [
    ['*', '', true],
    ['*', 'a\nb/c', true],
    ['', '', true],
    ['', 'a', false],
    ['get_*', 'get_issue', true],
    ['get_*', 'get_', true],
    ['get_*', 'xget_issue', false],
    ['*_issue', 'get_issue', true],
    ['*_issue', 'get_issues', false],
    ['github__*_issue*', 'github__get_issues', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['ab*ba', 'aba', false],
    ['a*b*a', 'aba', true],
    ['a*b*a', 'aa', false],
    ['*ab*b', 'ab', false],
    ['*ab*b', 'abb', true],
    ['**', 'x', true],
    ['Get', 'get', false],
  ];
  for (const [pattern, text, expected] of cases)
    assert.equal(compileGlob(pattern)(text), expected, `${pattern} ${text}`);
});

test('characters that mean something in regular expressions stand for themselves', () => {
  for (const pattern of ['a.c', '[a-z]', 'a?', 'a+', '(a|b)', '\\d', '^a$', '{1,2}']) {
    assert.equal(compileGlob(pattern)(pattern), true, pattern);
  }
  assert.equal(compileGlob('a.c')('abc'), false);
  assert.equal(compileGlob('a?')('a'), false);
});

test('a glob agrees with the obvious dynamic program', () => {
  const naive = (pattern: string, text: string): boolean => {
    if (pattern === '') return text === '';
    if (pattern[0] === '*') return naive(pattern.slice(1), text) || (text !== '' && naive(pattern, text.slice(1)));
    return text !== '' && pattern[0] === text[0] && naive(pattern.slice(1), text.slice(1));
  };
  const letters = (alphabet: string[], maxLength: number) =>
    fc.array(fc.constantFrom(...alphabet), { maxLength }).map((parts) => parts.join(''));
  fc.assert(
    fc.property(letters(['a', 'b', '*'], 8), letters(['a', 'b'], 10), (pattern, text) => {
      assert.equal(compileGlob(pattern)(text), naive(pattern, text));
    }),
    { numRuns: 5000 },
  );
});

test('a pattern of many stars over a long text does not backtrack', () => {
  // A backtracking matcher needs more steps here than this machine will ever make.
  assert.equal(compileGlob(`${'a*'.repeat(100)}b`)('a'.repeat(50_000)), false);
  assert.equal(compileGlob(`${'*a'.repeat(100)}*b*c`)('a'.repeat(50_000)), false);
});
