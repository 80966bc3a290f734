import { readFile } from 'node:fs/promises';
import { CommanderError } from 'commander';
import { createProgram } from './program.ts';
import { reportError } from './report-error.ts';
import { createTerminal, type TerminalStreams } from './terminal.ts';

export interface CliOptions extends TerminalStreams {
  /** Without the executable and the script. */
  readonly argv: readonly string[];
  /** Absolute. */
  readonly cwd: string;
}

/** Runs one command line and returns its exit code: 0 done, 1 could not be done, 2 the command line is wrong. */
export async function runCli({ argv, cwd, ...streams }: CliOptions): Promise<number> {
  const terminal = createTerminal(streams);
  const outcome: { exitCode: 0 | 1 } = { exitCode: 0 };
  const program = createProgram({ terminal, env: streams.env, cwd, version: await readVersion(), outcome });
  // `toolgate help key create` is what some type first.
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv.length === 0 ? ['--help'] : argv;
  try {
    await program.parseAsync(words, { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return reportError(error, { terminal, json: argv.includes('--json') });
  }
}

/** Of the package that this file is a part of: in `src/cli` of a checkout, in `dist` of the built package. */
async function readVersion(): Promise<string> {
  for (const up of ['../', '../../']) {
    try {
      const { version } = JSON.parse(await readFile(new URL(`${up}package.json`, import.meta.url), 'utf8'));
      return String(version);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return 'unknown';
}
