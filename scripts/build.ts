// Compiles the package into dist/, from nothing. Type errors fail the build and leave no dist/ behind to be published.
import { spawnSync } from 'node:child_process';
import { chmod, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

// A file whose source is gone must not stay in the package.
await rm(DIST, { recursive: true, force: true });

const compiler = join(ROOT, 'node_modules/typescript-7/bin/tsc');
const { status, error } = spawnSync(process.execPath, [compiler, '-p', join(ROOT, 'tsconfig.build.json')], {
  cwd: ROOT,
  stdio: 'inherit',
});
if (error !== undefined) throw error;
if (status !== 0) {
  await rm(DIST, { recursive: true, force: true });
  console.error('Nothing was built: see the errors above.');
  process.exit(1);
}

const program = join(DIST, 'src/main.js');
if (!(await readFile(program, 'utf8')).startsWith('#!/usr/bin/env node\n')) {
  throw new Error(`${program} lost its first line: no shell could run it.`);
}
await chmod(program, 0o755);
console.log('Built dist/');
