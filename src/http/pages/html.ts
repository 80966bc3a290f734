/** Markup that is safe to send. The class is not exported: only `html` makes it, so text can never be taken for it. */
class Markup {
  readonly #markup: string;

  constructor(markup: string) {
    this.#markup = markup;
  }

  toString(): string {
    return this.#markup;
  }
}

export type Html = Markup;

/** What may stand between tags. Nothing is shown for `null`, `undefined` and `false`, so that `condition && html…` works. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

/** What may stand inside a tag: `<input ${{ name, required: true }}>`. `null`, `undefined` and `false` are left out. */
export interface HtmlAttributes {
  readonly [name: string]: string | number | true | null | undefined | false;
}

/**
 * Makes markup from a template. Every value is escaped unless it is markup itself; arrays are joined.
 *
 * Values may stand between tags, in attributes with double quotes and, as an object, for attributes; anywhere else the
 * template throws when it is first used. In `href`, `src` and `action` only http(s) URLs, paths of this origin, `data:image/`
 * and `otpauth://totp/` pass. So there is no place in which escaping would not be enough.
 */
export function html(strings: TemplateStringsArray, ...values: readonly (HtmlValue | HtmlAttributes)[]): Html {
  const places = placesOf(strings);
  let markup = strings[0]!;
  for (const [i, value] of values.entries()) markup += written(value, places[i]!) + strings[i + 1]!;
  return new Markup(markup);
}

type Place = 'text' | 'attribute' | 'url' | 'attributes';

/** Places depend on the literal parts alone, which are the same object at every use of a template. */
const known = new WeakMap<TemplateStringsArray, readonly Place[]>();

function placesOf(strings: TemplateStringsArray): readonly Place[] {
  const found = known.get(strings);
  if (found !== undefined) return found;
  const places: Place[] = [];
  let before = '';
  for (const part of strings.slice(0, -1)) {
    before += part;
    places.push(placeAfter(before));
    // Stands for the value, whatever it will be.
    before += 'x';
  }
  known.set(strings, places);
  return places;
}

function placeAfter(markup: string): Place {
  if (/<(script|style|textarea|!--)/i.test(markup)) throw new TypeError('No values after <script>, <style>, <!--');
  // Literal attribute values hold no ">", so a ">" after the last "<" closes its tag.
  const tag = markup.slice(Math.max(0, markup.lastIndexOf('<')));
  if (!tag.startsWith('<') || tag.includes('>')) {
    if (/=\s*["']?[^"'<>]*$/.test(markup) && !tag.includes('>')) throw new TypeError(`Half a tag: ${markup}`);
    return 'text';
  }
  const open = tag.replaceAll(/="[^"]*"/g, '');
  if (/^<[a-z0-9]+(\s+[a-z-]+|\s+x)*\s+$/.test(open)) return 'attributes';
  const attribute = /^<[a-z0-9]+(?:\s+[a-z-]+|\s+x)*\s+([a-z-]+)="([^"]*)$/.exec(open);
  if (attribute === null) throw new TypeError(`A value may not stand here: ${tag}`);
  const [, name, start] = attribute as unknown as [string, string, string];
  return placeOfAttribute(name) === 'url' || start.endsWith('url=') ? 'url' : 'attribute';
}

function placeOfAttribute(name: string): 'attribute' | 'url' {
  if (!/^[a-z-]+$/.test(name) || /^on|^(style|srcdoc|srcset|formaction)$/.test(name)) {
    throw new TypeError(`No values in ${name}`);
  }
  return name === 'href' || name === 'src' || name === 'action' ? 'url' : 'attribute';
}

function written(value: HtmlValue | HtmlAttributes, place: Place): string {
  if (place === 'text') return textOf(value as HtmlValue);
  if (place !== 'attributes') return attributeOf(value, place);
  if (typeof value !== 'object' || value === null || value instanceof Markup || Array.isArray(value)) {
    throw new TypeError('Only an object of attributes may stand inside a tag');
  }
  return Object.entries(value)
    .filter(([, content]) => content !== null && content !== undefined && content !== false)
    .map(([name, content]) => {
      const where = placeOfAttribute(name);
      return content === true ? name : `${name}="${attributeOf(content, where)}"`;
    })
    .join(' ');
}

function textOf(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Markup) return value.toString();
  if (Array.isArray(value)) return value.map(textOf).join('');
  if (typeof value === 'object') throw new TypeError('Attributes may stand inside a tag only');
  return escaped(String(value));
}

/** Without white space and controls, some of which browsers drop before they read a URL: `/\t/evil.example`. */
const SAFE_URL = /^(?:https?:\/\/|\/(?![/\\])|data:image\/|otpauth:\/\/totp\/)[\x21-\u{10ffff}]*$/u;

function attributeOf(value: unknown, place: 'attribute' | 'url'): string {
  if (typeof value !== 'string' && typeof value !== 'number') throw new TypeError('An attribute holds text only');
  const text = String(value);
  if (place === 'url' && !SAFE_URL.test(text)) throw new TypeError('No URL for a page');
  return escaped(text);
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * Control characters, the bidirectional controls that make text read as something else (CVE-2021-42574), and characters
 * that cannot be seen. Joiners (U+200C, U+200D) stay: Persian and emoji need them.
 */
const DECEPTIVE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|\udb40[\udc00-\udfff]/g;

/** More accents on one letter than any language needs: a pile of them covers the lines around it. */
const PILED_ACCENTS = /(\p{M}{4})\p{M}+/gu;

function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(PILED_ACCENTS, '$1')
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!)
    .replaceAll(DECEPTIVE, '\ufffd');
}
