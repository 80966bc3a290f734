import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');

test('a type error fails the build, and what was built before is not left to be published', async (t) => {
  const copy = await mkdtemp(join(tmpdir(), 'toolgate-build-'));
  t.after(() => rm(copy, { recursive: true, force: true }));
  for (const name of ['src', 'examples', 'scripts', 'package.json', 'tsconfig.json']) {
    await cp(join(ROOT, name), join(copy, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  // Only what is published is of interest here.
  const include = { extends: './tsconfig.base.json', include: ['src'], exclude: ['**/*.test.ts'] };
  await cp(join(copy, 'tsconfig.json'), join(copy, 'tsconfig.base.json'));
  await writeFile(join(copy, 'tsconfig.json'), JSON.stringify(include));
  const build = () => spawnSync(process.execPath, [join(copy, 'scripts/build.ts')], { cwd: copy, encoding: 'utf8' });

  const good = build();
  assert.equal(good.status, 0, good.stderr + good.stdout);
  assert.ok((await readdir(join(copy, 'dist'))).includes('toolgate.js'));

  await writeFile(join(copy, 'src/lib/broken.ts'), "export const broken: number = 'text';\n");
  const bad = build();
  assert.equal(bad.status, 1);
  assert.match(bad.stdout + bad.stderr, /broken\.ts.*TS2322/);
  assert.ok(!(await readdir(copy)).includes('dist'));
});
