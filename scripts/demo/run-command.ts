import type { Cast } from './cast.ts';

interface RunOptions {
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the command line shows that the output went. */
  readonly to?: string;
  /** How much of the output is shown; all when absent. */
  readonly lines?: number;
  /** The exit code; 0 when absent. */
  readonly expect?: number;
}

/** Runs one command and shows it as it would be typed. Throws NotAsTold when it ends with another exit code. */
export async function runCommand(
  { story, stage }: Cast,
  args: readonly string[],
  { env, to = '', lines = Number.POSITIVE_INFINITY, expect = 0 }: RunOptions = {},
): Promise<string> {
  const { code, output } = await stage.toolgate(args, env);
  const line = `toolgate ${args.join(' ')}`;
  story.command(`${line}${to}`, output.trimEnd().split('\n').slice(0, lines).join('\n'));
  if (code !== expect) story.proves(`\`${line}\` ends with exit code ${expect}`, false, `${code}\n${output}`);
  return output;
}
