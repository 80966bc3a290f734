import { parseDocument } from 'yaml';
import { CliError } from './cli-error.ts';
import type { CliContext } from './invocation.ts';
import { readText } from './read-text.ts';

/** What a YAML (or JSON) file holds; `-` is standard input. Throws a CliError that names the first bad line. */
export async function readYaml(invocation: Pick<CliContext, 'cwd' | 'terminal'>, file: string): Promise<unknown> {
  const text = await readText(invocation, file);
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? 1;
    throw new CliError(
      `${file}:${line}: this is not valid YAML: ${error.message.split('\n')[0]!.replace(/ at line .*$/, '')}.`,
    );
  }
  return document.toJS() as unknown;
}
