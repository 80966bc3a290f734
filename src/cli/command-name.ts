import { extname } from 'node:path';

/** How a command is typed where this runs: the installed program, or the script of a checkout, which is in no PATH. */
export function commandName(words: string): string {
  return extname(import.meta.filename) === '.ts' ? `npm run toolgate -- ${words}` : `toolgate ${words}`;
}
