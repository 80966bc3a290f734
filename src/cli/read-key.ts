import { Secret } from '../lib/secret.ts';
import { parseAccessKey } from '../tokens/access-key-format.ts';
import { CliError } from './cli-error.ts';
import type { CliContext, SharedOptions } from './invocation.ts';
import { readText } from './read-text.ts';

/** How a key looks, whether its checksum fits or not. */
const FORM = /^tg[ps]_[0-9A-Za-z]{49}$/;

/** The key that a person gave, or null. Throws for what is no key: the gateway would only say that it is not valid. */
export async function readKey(context: CliContext, { keyFile }: SharedOptions): Promise<Secret | null> {
  if (keyFile !== undefined) return checkedKey(await readText(context, keyFile), keyFile);
  const text = context.env.TOOLGATE_KEY;
  return text === undefined || text === '' ? null : checkedKey(text, 'TOOLGATE_KEY');
}

function checkedKey(text: string, where: string): Secret {
  const key = text.trim();
  if (parseAccessKey(key) !== null) return new Secret(key);
  if (FORM.test(key)) {
    throw new CliError(
      `The access key in ${where} has a typo: its last six characters do not fit the rest. Copy it again as it was shown.`,
    );
  }
  throw new CliError(`${where} does not hold an access key: one has 53 characters and begins with tgp_ or tgs_.`);
}
