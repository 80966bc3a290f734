import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

/** Rows of the layer rule: a folder may import its own row's folders only where allowed below, and any row above it. */
const LAYERS: readonly (readonly string[])[] = [
  ['lib', 'errors', 'model'],
  ['config', 'mcp', 'policy', 'store', 'http'],
  ['vault', 'tokens', 'audit'],
  ['upstreams', 'identity'],
  ['gateway', 'authorization-server', 'connect', 'admin'],
  ['app', 'main', 'cli'],
];
/** These speak for different OAuth roles and are wired together only in app.ts. */
const STRANGERS = new Set(['gateway', 'authorization-server', 'connect', 'admin']);

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');
const files = globSync('**/*.ts', { cwd: SRC }).map((file) => join(SRC, file));

function importsOf(file: string): string[] {
  const source = readFileSync(file, 'utf8');
  return [...source.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

/** `src/gateway/x.ts` → `gateway`; `src/app.ts` → `app`. */
function folderOf(file: string): string {
  return relative(SRC, file).split('/')[0]!.replace(/\.ts$/, '');
}

const layerOf = (folder: string) => LAYERS.findIndex((row) => row.includes(folder));

test('every source folder belongs to a layer', () => {
  const unknown = [...new Set(files.map(folderOf))].filter((folder) => layerOf(folder) < 0);
  assert.deepEqual(unknown, []);
});

test('a layer imports only the layers above it', () => {
  const violations: string[] = [];
  for (const file of files) {
    const from = folderOf(file);
    for (const specifier of importsOf(file)) {
      if (!specifier.startsWith('.')) continue;
      const target = resolve(dirname(file), specifier);
      if (!target.startsWith(`${SRC}/`)) {
        if (!file.endsWith('.test.ts')) violations.push(`${relative(ROOT, file)} leaves src: ${specifier}`);
        continue;
      }
      const to = folderOf(target);
      const downward = layerOf(to) > layerOf(from);
      const stranger = from !== to && STRANGERS.has(from) && STRANGERS.has(to);
      if (downward || stranger) violations.push(`${relative(ROOT, file)} → ${relative(ROOT, target)}`);
    }
  }
  assert.deepEqual(violations, []);
});

test('only the store imports the database libraries', () => {
  const violations = files
    .filter((file) => folderOf(file) !== 'store' && folderOf(file) !== 'audit')
    .filter((file) => importsOf(file).some((specifier) => /^(kysely|pg|node:sqlite)/.test(specifier)))
    .map((file) => relative(ROOT, file));
  assert.deepEqual(violations, []);
});

test('there are no barrels and no catch-all modules', () => {
  const forbidden = files.filter((file) => /(^|\/)(index|utils?|helpers?|manager|common)(\.test)?\.ts$/.test(file));
  assert.deepEqual(
    forbidden.map((file) => relative(ROOT, file)),
    [],
  );
});

test('source files stay under 300 lines', () => {
  const long = files
    .filter((file) => !file.endsWith('.test.ts'))
    .map((file) => ({ file: relative(ROOT, file), lines: readFileSync(file, 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > 300);
  assert.deepEqual(long, []);
});
