/** What a command tells the person who ran it: one sentence or two about what is wrong and what to do. */
export class CliError extends Error {
  /** 1: it could not be done. 2: the command line itself is wrong. */
  readonly exitCode: 1 | 2;
  /** Members for `--json`, such as the `code` of an API error. */
  readonly data: Readonly<Record<string, unknown>>;

  constructor(
    message: string,
    options: { exitCode?: 1 | 2; data?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'CliError';
    this.exitCode = options.exitCode ?? 1;
    this.data = options.data ?? {};
  }
}
