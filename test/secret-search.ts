import { randomBytes } from 'node:crypto';

/** A secret that nothing but knowing it can find: of no known form, and the same in a URL, in JSON and in a shell. */
export const canary = (what: string): string => `cnry.${what}.${randomBytes(12).toString('hex')}`;

/** The forms in which programs write a text down. */
function spellingsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret, 'latin1');
  // The last character of a Base64 text also depends on what follows it.
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '')
      .slice(offset + 1, -2),
  );
  const escaped = [...secret].map((character) => `%${character.charCodeAt(0).toString(16)}`).join('');
  return [secret, ...base64, bytes.toString('hex'), escaped, [...secret].reverse().join('')];
}

/** Looks for secrets in whatever it is shown, and remembers where it found which. */
export function createSecretSearch() {
  const secrets = new Map<string, readonly string[]>();
  const leaks = new Set<string>();
  return {
    /** Of the form `secret: place`. */
    leaks: () => [...leaks].sort(),
    /** Latin-1 for bytes. @returns the secret */
    hide(name: string, secret: string): string {
      secrets.set(name, spellingsOf(secret));
      return secret;
    },
    /** @param except names of secrets that may be here */
    look(place: string, text: string, except: readonly string[] = []): void {
      for (const [name, spellings] of secrets) {
        if (!except.includes(name) && spellings.some((spelling) => text.includes(spelling))) {
          leaks.add(`${name}: ${place}`);
        }
      }
    },
  };
}
