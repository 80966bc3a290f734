import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isBuilt } from './entry-points.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface InstallSize {
  /** What `npm install --omit=dev` puts on the disk for the dependencies. */
  readonly dependencies: number;
  /** The package itself, unpacked; null when it has not been built. */
  readonly ownPackage: number | null;
}

/**
 * Bytes on the disk of an installation, counted in this one: the production dependencies as npm lists them, and the
 * files that would be packed. Nothing is downloaded.
 */
export function installSize(): InstallSize {
  const npm = (...args: string[]) =>
    execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [, ...folders] = npm('ls', '--omit=dev', '--all', '--parseable').trim().split('\n');
  const dependencies = folders.reduce((sum, folder) => sum + sizeOnDisk(folder), 0);
  if (!isBuilt()) return { dependencies, ownPackage: null };
  const [packed] = JSON.parse(npm('pack', '--dry-run', '--json', '--ignore-scripts'));
  const ownPackage = packed.files.reduce(
    (sum: number, { path }: { path: string }) => sum + sizeOnDisk(join(ROOT, path)),
    0,
  );
  return { dependencies, ownPackage };
}

/** Whole blocks, as the file system gives them out; without the packages nested inside, which npm lists by themselves. */
function sizeOnDisk(path: string): number {
  const stat = lstatSync(path);
  const own = stat.blocks * 512;
  if (!stat.isDirectory()) return own;
  const inside = readdirSync(path).filter((name) => name !== 'node_modules');
  return inside.reduce((sum, name) => sum + sizeOnDisk(join(path, name)), own);
}
