import { AppError } from '../errors/app-error.ts';

/** Nothing to escape. Nearly every text is, and building a Unicode property class takes milliseconds at a start. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * Any text as a Cedar string literal. Quotes and backslashes are escaped, and so is everything but letters, digits,
 * punctuation, symbols and the space: line breaks, controls, bidi marks and combining characters appear as `\u{…}`, so
 * that a policy reads as it is.
 *
 * @throws AppError `unprocessable` for lone surrogates. They have no UTF-8 form: Cedar would refuse them or, worse, take
 * two different ones for the same character.
 */
export function cedarString(text: string): string {
  if (!text.isWellFormed())
    throw new AppError('unprocessable', `${JSON.stringify(text)} holds half of a surrogate pair. Use valid Unicode.`);
  if (PLAIN.test(text)) return `"${text}"`;
  return `"${text.replace(/["\\]|[^\p{L}\p{N}\p{P}\p{S} ]/gu, escapeCharacter)}"`;
}

/**
 * A glob as the pattern of Cedar's `like`. Both know the one wildcard `*`; in a glob it cannot be escaped, so nothing here
 * ever stands for a literal asterisk.
 */
export function cedarPattern(glob: string): string {
  return cedarString(glob.replace(/\*+/g, '*'));
}

/** The text on one line, with what cannot be seen or would reorder a line shown as `\u{…}`. For reasons that people read. */
export function printable(text: string): string {
  if (PLAIN.test(text)) return text;
  return text.toWellFormed().replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
