import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');
const documents = [...globSync('*.md', { cwd: ROOT }), ...globSync('docs/**/*.md', { cwd: ROOT })];
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

test('every link between documents leads to a file that is there', () => {
  const broken = documents.flatMap((document) =>
    [...read(document).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)]
      .map(([, target]) => target!)
      .filter((target) => !existsSync(resolve(ROOT, dirname(document), target)))
      .map((target) => `${document} → ${target}`),
  );
  assert.deepEqual(broken, []);
});

test('every source and test file that a document names is there', () => {
  const missing = documents.flatMap((document) =>
    [...read(document).matchAll(/`((?:src|test|scripts|examples|docs|bench)\/[\w./-]*\.\w+)`/g)]
      .map(([, path]) => path!)
      .filter((path) => !existsSync(join(ROOT, path)))
      .map((path) => `${document}: ${path}`),
  );
  assert.deepEqual(missing, []);
});

test('every defence of the threat model names a test that is there, and every attack test stands in it', () => {
  const text = read('docs/threat-model.md');
  const defences = text.slice(text.indexOf('## Threats and defences'), text.indexOf('## What is not defended'));
  const rows = defences.split('\n').filter((line) => /^\| (?!Threat|-)/.test(line) && !line.startsWith('|---'));
  const named = new Set<string>();
  for (const row of rows) {
    const tests = [...row.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, path]) =>
      path!.includes('/') ? path! : `test/attacks/${path}`,
    );
    assert.ok(tests.length > 0, `no test: ${row}`);
    for (const path of tests) {
      assert.ok(existsSync(join(ROOT, path)), `${path} is not there`);
      named.add(path);
    }
  }
  const left = globSync('test/attacks/**/*.test.ts', { cwd: ROOT }).filter((path) => !named.has(path));
  assert.deepEqual(left, [], 'these belong into the threat model');
});
