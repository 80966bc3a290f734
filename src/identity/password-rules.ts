import { COMMON_PIECES } from './common-passwords.ts';

const MIN_LENGTH = 12;
const MAX_LENGTH = 256;
const MIN_DISTINCT = 5;

/** Longest first, so that `password` is not taken for `passw` with a remainder. */
const PIECES = [...COMMON_PIECES].sort((a, b) => b.length - a.length);

const LOOK_ALIKES: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};

/**
 * What is wrong with a new password, as a sentence for the person; null: nothing. Length counts, kinds of characters do not
 * (NIST SP 800-63B §5.1.1.2). There is no list of all passwords that ever leaked: only what is guessed first is refused.
 */
export function passwordFault(password: string, userName: string): string | null {
  const length = [...password].length;
  if (length < MIN_LENGTH) return `The password is too short. Choose at least ${MIN_LENGTH} characters.`;
  if (length > MAX_LENGTH) return `The password is too long. Choose at most ${MAX_LENGTH} characters.`;
  const plain = password.normalize('NFKC').toLowerCase();
  if (new Set(plain).size < MIN_DISTINCT) return 'The password repeats too few characters. Choose a longer phrase.';
  if (/^[\d\s.,/-]+$/.test(plain)) return 'The password is nothing but digits. Choose a phrase of several words.';
  const names = [userName, userName.split('@')[0]!]
    .map((name) => name.normalize('NFKC').toLowerCase())
    .filter((name) => name.length >= 3);
  if (isMadeOf(names, plain)) return 'The password must not be your name or address. Choose something else.';
  if ([plain, replaceLookAlikes(plain)].some((text) => isMadeOf([...names, ...PIECES], text))) {
    return 'This is one of the passwords that are guessed first. Choose a phrase of several unusual words.';
  }
  return null;
}

/** Whether the pieces occur in the text, and hardly a letter is left without them. */
function isMadeOf(pieces: readonly string[], text: string): boolean {
  let letters = 0;
  let found = false;
  for (let at = 0; at < text.length; ) {
    const piece = pieces.find((one) => text.startsWith(one, at));
    if (piece !== undefined) {
      at += piece.length;
      found ||= piece.length >= 3;
    } else if (/\p{L}/u.test(text[at++]!)) letters++;
  }
  return found && letters < MIN_DISTINCT;
}

const replaceLookAlikes = (text: string): string => text.replaceAll(/[013457@$!]/g, (sign) => LOOK_ALIKES[sign]!);
