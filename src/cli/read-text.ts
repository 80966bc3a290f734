import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CliError } from './cli-error.ts';
import type { CliContext } from './invocation.ts';

/** The text of a file, or all of standard input for `-`. */
export async function readText({ cwd, terminal }: Pick<CliContext, 'cwd' | 'terminal'>, file: string): Promise<string> {
  if (file === '-') {
    const chunks: Buffer[] = [];
    for await (const chunk of terminal.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString('utf8');
  }
  try {
    return await readFile(resolve(cwd, file), 'utf8');
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${readProblem(cause)}`, { cause });
  }
}

/** In words, for the common ones. */
export function readProblem(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file.',
    EACCES: 'this user may not read it.',
    EISDIR: 'it is a folder.',
  };
  return known[code ?? ''] ?? `${message}.`;
}
