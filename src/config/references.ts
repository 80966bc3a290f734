/** One piece of a configured text: literal characters, or a place that the value is read from when it is used. */
export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'env' | 'vault'; readonly name: string };

/** Vault entry names are plain words; variable names are those of POSIX (XBD 8.1), with lower case allowed. */
const NAMES = { env: /^[A-Za-z_][A-Za-z0-9_]*$/, vault: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/ };
/**
 * Splits a configured text at its `${env:NAME}` and `${vault:NAME}` references. There is no escape for a literal `${`.
 *
 * @throws RangeError when something starts with `${` and is no valid reference; the message does
 * not repeat the text, which may hold a secret.
 */
export function parseTemplate(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let from = 0;
  while (from < text.length) {
    const start = text.indexOf('${', from);
    if (start !== from) parts.push({ kind: 'text', text: text.slice(from, start < 0 ? undefined : start) });
    if (start < 0) break;
    const end = text.indexOf('}', start);
    if (end < 0) throw new RangeError('A reference that begins with "${" has no "}".');
    parts.push(parseReference(text.slice(start + 2, end)));
    from = end + 1;
  }
  return parts;
}

function parseReference(inner: string): TemplatePart {
  const colon = inner.indexOf(':');
  const kind = inner.slice(0, Math.max(colon, 0));
  const name = inner.slice(colon + 1);
  if ((kind === 'env' || kind === 'vault') && NAMES[kind].test(name)) return { kind, name };
  throw new RangeError('"${" begins something that is neither ${env:NAME} nor ${vault:NAME}.');
}

/** The names that a valid template refers to, by kind. */
export function referencesOf(parts: readonly TemplatePart[], kind: 'env' | 'vault'): string[] {
  return parts.flatMap((part) => (part.kind === kind ? [part.name] : []));
}

/** Where the values of references come from. Each returns undefined when there is no such value. */
export interface ReferenceSources {
  env(name: string): string | undefined;
  vault(name: string): Promise<string | undefined>;
}

/**
 * Fills a template in, at the moment of use. The result is as secret as what it refers to: wrap it at once.
 *
 * @throws RangeError naming the first reference that has no value (the name, never a value).
 */
export async function fillTemplate(template: string, sources: ReferenceSources): Promise<string> {
  let filled = '';
  for (const part of parseTemplate(template)) {
    if (part.kind === 'text') {
      filled += part.text;
      continue;
    }
    const value = part.kind === 'env' ? sources.env(part.name) : await sources.vault(part.name);
    if (value === undefined) throw new RangeError(`\${${part.kind}:${part.name}} has no value.`);
    filled += value;
  }
  return filled;
}
