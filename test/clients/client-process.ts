import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

export const INSTALLED = join(import.meta.dirname, 'node_modules');

/**
 * The surroundings of a client that runs as a process of its own: the Node of this project first in PATH, and a home
 * directory that is thrown away, since these clients keep their state in theirs.
 */
export async function createSurroundings() {
  const home = await mkdtemp(join(tmpdir(), 'mcp-client-'));
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  return {
    env: { PATH, HOME: home, NO_COLOR: '1' } as Record<string, string>,
    remove: () => rm(home, { recursive: true, force: true }),
  };
}
