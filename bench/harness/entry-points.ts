import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };

const ROOT = join(import.meta.dirname, '../..');
const BUILT = join(ROOT, packageJson.bin.toolgate);

export interface EntryPoint {
  readonly name: string;
  readonly main: string;
}

/** Whether `dist` is there and no source is newer than it: an old build would be measured as if it were this version. */
export function isBuilt(): boolean {
  if (!existsSync(BUILT)) return false;
  const builtAt = statSync(BUILT).mtimeMs;
  return globSync('src/**/*.ts', { cwd: ROOT }).every((file) => statSync(join(ROOT, file)).mtimeMs <= builtAt);
}

/** How the gateway can be started: from source, and as it is published where it has been built. */
export function entryPoints(): EntryPoint[] {
  const source = { name: 'from source', main: join(ROOT, 'src/main.ts') };
  return isBuilt() ? [source, { name: 'built', main: BUILT }] : [source];
}
