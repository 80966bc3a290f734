import type { Command } from 'commander';
import type { AdminClient } from './admin-client.ts';
import type { Terminal } from './terminal.ts';

/** What surrounds every command. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  readonly version: string;
  /** What the process ends with when nothing is thrown; a command that found something wrong sets it to 1. */
  readonly outcome: { exitCode: 0 | 1 };
}

/** Options that every command takes; see addSharedOptions. */
export interface SharedOptions {
  readonly json?: true;
  readonly url?: string;
  readonly keyFile?: string;
  readonly config?: string;
  readonly dataDir?: string;
}

/** One run of one command. */
export interface Invocation<Options = object> extends CliContext {
  readonly options: Options & SharedOptions;
  /** With `--json`: the value as JSON, and nothing else on standard output. Without: the text. */
  show(value: unknown, text: () => string): void;
  /** The admin API, connected at the first call and closed after the command. */
  api(): Promise<AdminClient>;
}

export type Handler<Options, Arguments extends readonly unknown[]> = (
  invocation: Invocation<Options>,
  ...args: Arguments
) => Promise<void>;

/** Fits a handler to what commander calls: `(…arguments, options, command)`. */
export function action<Options = object, Arguments extends readonly unknown[] = string[]>(
  context: CliContext,
  handler: Handler<Options, Arguments>,
): (...parameters: unknown[]) => Promise<void> {
  return async (...parameters) => {
    const command = parameters.at(-1) as Command;
    const options = command.optsWithGlobals() as Options & SharedOptions;
    let client: Promise<AdminClient> | undefined;
    const connect = async (): Promise<AdminClient> => {
      const { connectAdmin } = await import('./connect-admin.ts');
      return connectAdmin(context, options);
    };
    const invocation: Invocation<Options> = {
      ...context,
      options,
      show(value, text) {
        context.terminal.print(options.json ? JSON.stringify(value, null, 2) : text());
      },
      api: () => (client ??= connect()),
    };
    try {
      await handler(invocation, ...(parameters.slice(0, -2) as unknown as Arguments));
    } finally {
      const opened = await client?.catch(() => null);
      await opened?.close();
    }
  };
}

/** Adds what one command file defines below its name, such as `add` and `list` below `user`. */
export type CommandDefinition = (command: Command, context: CliContext) => void;

/** For an option that may be given several times, or once with commas. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [
    ...before,
    ...value
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  ];
}
