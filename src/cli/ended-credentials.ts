import { escapeUnprintable } from '../audit/escape-unprintable.ts';

interface Named {
  readonly id: string;
  readonly name: string;
}

/** What ended for somebody who came to administer more; as the API says it. */
export interface EndedCredentials {
  readonly principal: { readonly kind: string; readonly id: string };
  readonly accessKeys: readonly Named[];
  readonly clients: readonly Named[];
  readonly setupLink: boolean;
  readonly password: boolean;
}

const listed = (what: string, named: readonly Named[]): string[] =>
  named.map(({ id, name }) => `${what} ${escapeUnprintable(name)} (${escapeUnprintable(id)})`);

/**
 * The lines that follow the success of a command, each begun with a line break; empty when nothing ended. `nameOf` gives the
 * name of a principal; null where only the id is known.
 */
export function endedLines(
  ended: readonly EndedCredentials[],
  nameOf: (id: string) => string | null = () => null,
): string {
  return ended
    .map(({ principal, accessKeys, clients, setupLink, password }) => {
      const name = nameOf(principal.id) ?? principal.id;
      const things = [
        ...listed('access key', accessKeys),
        ...listed('client', clients),
        ...(setupLink ? ['the open set-up link'] : []),
        ...(password ? ['the password'] : []),
      ];
      const next = password || setupLink ? `\nNext: toolgate user setup-link ${name}` : '';
      return `\nEnded for ${name}, as nobody of the same standing had made it: ${things.join(', ')}.${next}`;
    })
    .join('');
}
