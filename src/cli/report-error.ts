import { CommanderError } from 'commander';
import { escapeUnprintable } from '../audit/escape-unprintable.ts';
import { AppError } from '../errors/app-error.ts';
import { CliError } from './cli-error.ts';
import type { Terminal } from './terminal.ts';

interface Report {
  readonly exitCode: 1 | 2;
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Says on standard error why a command failed, and returns its exit code. With `json`, as one line of JSON. */
export function reportError(error: unknown, { terminal, json }: { terminal: Terminal; json: boolean }): number {
  // Commander has printed the help text already.
  if (error instanceof CommanderError && error.code === 'commander.help') return 2;
  const { exitCode, message, data } = describe(error);
  const safe = message.split('\n').map((line) => hideKeys(escapeUnprintable(line)));
  if (json) terminal.note(JSON.stringify({ error: { message: safe.join('\n'), ...data } }));
  else terminal.note(`${terminal.errorStyle.red('error:')} ${safe.join('\n')}`);
  return exitCode;
}

function describe(error: unknown): Report {
  if (error instanceof CliError) return { exitCode: error.exitCode, message: error.message, data: error.data };
  if (error instanceof CommanderError) {
    // Its suggestion stands on a line of its own.
    const message = error.message.replace(/^error: /, '').replace(/\n\(Did you mean (.*)\?\)$/s, '. Did you mean $1?');
    return { exitCode: 2, message, data: { code: error.code } };
  }
  if (error instanceof AppError) return { exitCode: 1, message: error.message, data: { code: error.code } };
  if (isBug(error)) return { exitCode: 1, message: `This is a fault of Toolgate. ${error.stack}`, data: {} };
  return { exitCode: 1, message: (error as Error).message, data: {} };
}

/** What is thrown for an operator is a plain Error; these are not thrown on purpose. */
const isBug = (error: unknown): error is Error =>
  error instanceof TypeError || error instanceof ReferenceError || !(error instanceof Error);

/** A key that was mistyped into the command line is in its error, but must not be in the log of a CI job. */
const hideKeys = (text: string): string => text.replaceAll(/\b(tg[ps]_)[0-9A-Za-z]{8,}/g, '$1…');
