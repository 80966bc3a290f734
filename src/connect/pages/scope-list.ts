import { type Html, html } from '../../http/pages/html.ts';
import { shorten } from '../../http/pages/shorten.ts';
import type { ScopeLine } from '../scope-words.ts';

/** Longer lists are folded: nobody reads forty lines before pressing a button, but ten. */
const SHOWN = 10;

/** What is asked for: in words where it is known, else by the name that the provider gave it. */
export function scopeList(scopes: readonly ScopeLine[]): Html {
  const more = scopes.slice(SHOWN);
  return html`<ul class="scopes">${scopes.slice(0, SHOWN).map(line)}</ul>
${more.length > 0 && html`<details><summary>and ${more.length} more</summary><ul class="scopes">${more.map(line)}</ul></details>`}`;
}

const line = ({ scope, text }: ScopeLine): Html =>
  text === null ? html`<li><code>${shorten(scope, 120)}</code></li>` : html`<li>${text}</li>`;
