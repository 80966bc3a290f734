import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closestMatch } from './closest.ts';

const WORDS = ['transport', 'timeoutMs', 'maxConcurrent', 'forwardHeaders', 'url', 'env', 'cwd'];

const TYPOS: readonly [string, string | null][] = [
  ['trnsport', 'transport'],
  ['tranpsort', 'transport'],
  ['Transport', 'transport'],
  ['timeout', 'timeoutMs'],
  ['max_concurrent', 'maxConcurrent'],
  ['forward-header', 'forwardHeaders'],
  ['uri', 'url'],
  ['evn', 'env'],
  ['pwd', 'cwd'],
  ['headers', null],
  ['', null],
  ['---', null],
  ['x'.repeat(100_000), null],
];

for (const [word, expected] of TYPOS) {
  test(`"${word.slice(0, 20)}" is taken for ${expected}`, () => {
    assert.equal(closestMatch(word, WORDS), expected);
  });
}

test('of equally near candidates the first is suggested', () => {
  assert.equal(closestMatch('strick', ['strict', 'strike']), 'strict');
  assert.equal(closestMatch('abc', ['abd', 'abe']), 'abd');
});

test('there is no suggestion without candidates', () => {
  assert.equal(closestMatch('anything', []), null);
});
