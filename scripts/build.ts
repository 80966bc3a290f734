// Builds the package into dist/, from nothing: few files, each of what one process or thread loads, because opening and
// compiling hundreds of them would be most of the start. The libraries stay outside, as dependencies of the package.
// A type error fails the build and leaves no dist/ behind to be published.
import { spawnSync } from 'node:child_process';
import { chmod, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

/** Side by side, whatever their folder was: `start-thread.ts` and `first-config.ts` find them there. */
const ENTRY_POINTS = {
  toolgate: 'src/main.ts',
  'writer-worker': 'src/audit/writer-worker.ts',
  'reader-worker': 'src/audit/reader-worker.ts',
  'notes-server': 'examples/notes-server.ts',
};

// A file whose source is gone must not stay in the package.
await rm(DIST, { recursive: true, force: true });

const compiler = join(ROOT, 'node_modules/typescript-7/bin/tsc');
const { status, error } = spawnSync(process.execPath, [compiler, '-p', ROOT], { cwd: ROOT, stdio: 'inherit' });
if (error !== undefined) throw error;
if (status !== 0) {
  console.error('Nothing was built: see the type errors above.');
  process.exit(1);
}

await build({
  absWorkingDir: ROOT,
  entryPoints: ENTRY_POINTS,
  outdir: DIST,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24.12',
  packages: 'external',
  // Names stay, so that a stack trace in a bug report can be read.
  legalComments: 'none',
  logLevel: 'warning',
});
// What package.json names as `bin`; esbuild keeps its first line, `#!/usr/bin/env node`.
await chmod(join(DIST, 'toolgate.js'), 0o755);
console.log('Built dist/');
