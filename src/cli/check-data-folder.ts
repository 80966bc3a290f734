import { access, constants, readdir, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Finding, fail, ok, warn } from './finding.ts';

const MIB = 1024 * 1024;
/** The audit log stops taking calls when the disk is full; this is some time before. */
const LITTLE_SPACE = 1024 * MIB;
const NO_SPACE = 100 * MIB;

/** The folder, who can read what is in it, and how much space is left. */
export async function checkDataFolder(dataDir: string): Promise<Finding[]> {
  const found = await stat(dataDir).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    if (found.code === 'ENOENT') return [await checkParent(dataDir)];
    return [
      fail('data folder', `${dataDir} cannot be looked at: ${found.message}`, 'Run this as the user of the gateway.'),
    ];
  }
  if (!found.isDirectory()) return [fail('data folder', `${dataDir} is no folder.`, 'Name another one: --data-dir.')];
  const writable = await isWritable(dataDir);
  if (!writable)
    return [fail('data folder', `This user may not write to ${dataDir}.`, `Run: chown -R "$(id -un)" '${dataDir}'`)];
  const open = process.platform === 'win32' ? [] : await readableByOthers(dataDir);
  const folder =
    process.platform !== 'win32' && (found.mode & 0o077) !== 0
      ? warn('data folder', `Other users may look into ${dataDir}.`, `Run: chmod 700 '${dataDir}'`)
      : ok('data folder', dataDir);
  return [folder, ...open, await checkSpace(dataDir)];
}

async function checkParent(dataDir: string): Promise<Finding> {
  let parent = dirname(dataDir);
  while (parent !== dirname(parent) && (await stat(parent).catch(() => null)) === null) parent = dirname(parent);
  return (await isWritable(parent))
    ? ok('data folder', `${dataDir} will be created at the first start`)
    : fail(
        'data folder',
        `${dataDir} cannot be created: this user may not write to ${parent}.`,
        'Name another one: --data-dir.',
      );
}

const isWritable = (path: string): Promise<boolean> =>
  access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );

/** Keys that others can read are lost; databases hold hashes and ciphertext, but also who did what. */
async function readableByOthers(dataDir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of (await readdir(dataDir)).sort()) {
    if (!/\.(key|db)$/.test(name)) continue;
    const file = join(dataDir, name);
    const { mode } = await stat(file);
    if ((mode & 0o077) === 0) continue;
    const make = name.endsWith('.key') ? fail : warn;
    const bits = (mode & 0o777).toString(8).padStart(4, '0');
    findings.push(make('data folder', `Other users may read ${file} (mode ${bits}).`, `Run: chmod 600 '${file}'`));
  }
  return findings;
}

async function checkSpace(dataDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const text = free >= 1024 * MIB ? `${(free / 1024 / MIB).toFixed(1)} GiB free` : `${Math.floor(free / MIB)} MiB free`;
  const fix = 'Make room. When the disk is full no call can be recorded, and then none is made.';
  if (free < NO_SPACE) return fail('disk space', text, fix);
  return free < LITTLE_SPACE ? warn('disk space', text, fix) : ok('disk space', text);
}
