import { CliError } from './cli-error.ts';
import type { Invocation } from './invocation.ts';

/** Asks before something goes for good, when there is somebody to ask. Throws a CliError when the answer is no. */
export async function confirmRemoval(
  { terminal, options }: Invocation<{ yes?: true }>,
  question: string,
): Promise<void> {
  if (options.yes || options.json || !terminal.interactive) return;
  if (!(await terminal.confirm(question))) throw new CliError('Nothing was changed.');
}
