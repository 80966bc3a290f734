import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillTemplate, parseTemplate, referencesOf } from './references.ts';

const GOOD: readonly [template: string, parts: unknown][] = [
  ['', []],
  ['plain $ text } {', [{ kind: 'text', text: 'plain $ text } {' }]],
  ['${env:TOKEN}', [{ kind: 'env', name: 'TOKEN' }]],
  ['${vault:github-token.v2}', [{ kind: 'vault', name: 'github-token.v2' }]],
  [
    'Bearer ${env:A}${vault:b}!',
    [
      { kind: 'text', text: 'Bearer ' },
      { kind: 'env', name: 'A' },
      { kind: 'vault', name: 'b' },
      { kind: 'text', text: '!' },
    ],
  ],
];
for (const [template, parts] of GOOD) {
  test(`"${template}" is read`, () => assert.deepEqual(parseTemplate(template), parts));
}

const BAD = [
  '${TOKEN}',
  '${}',
  '${env:}',
  '${env:A B}',
  '${env:1A}',
  '${ENV:A}',
  '${vault:../x}',
  '${vault:-x}',
  '${env:A',
  '${env:${env:A}}',
  '${file:/etc/passwd}',
  `\${vault:${'x'.repeat(129)}}`,
];
for (const template of BAD) {
  test(`"${template.slice(0, 40)}" is refused without being repeated`, () => {
    assert.throws(
      () => parseTemplate(`canary ${template}`),
      (error: Error) => error instanceof RangeError && !error.message.includes('canary'),
    );
  });
}

test('the names that a template refers to are listed by kind', () => {
  const parts = parseTemplate('${env:A} ${vault:b} ${env:C}');
  assert.deepEqual(referencesOf(parts, 'env'), ['A', 'C']);
  assert.deepEqual(referencesOf(parts, 'vault'), ['b']);
});

const sources = {
  env: (name: string) => ({ A: 'one', NESTED: '${vault:b}', EMPTY: '' })[name],
  vault: async (name: string) => ({ b: 'two' })[name],
};

test('references are filled in once: what a value holds is never read as a reference again', async () => {
  assert.equal(await fillTemplate('x${env:A}-${vault:b}y', sources), 'xone-twoy');
  assert.equal(await fillTemplate('${env:NESTED}', sources), '${vault:b}');
  assert.equal(await fillTemplate('[${env:EMPTY}]', sources), '[]');
});

test('a reference without a value is named, and no value with it', async () => {
  await assert.rejects(fillTemplate('${env:A} ${vault:missing}', sources), (error: Error) => {
    return error.message === '${vault:missing} has no value.';
  });
});
