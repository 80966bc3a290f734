import { type Html, html } from '../../http/pages/html.ts';
import { shorten } from '../../http/pages/shorten.ts';

/** What the program asks for. */
export interface AccessView {
  readonly resource: { readonly title: string; readonly url: string };
  /** The servers behind the gateway that the scopes reach. */
  readonly upstreams: readonly { readonly name: string; readonly title: string }[];
  readonly scopes: readonly ScopeView[];
}

export interface ScopeView {
  readonly scope: string;
  /** The scope in plain words, such as "Read from Jira". */
  readonly text: string;
  readonly detail?: string | undefined;
}

/** Longer lists are folded: nobody reads forty lines before pressing a button, but ten. */
const SHOWN = 10;

/** The scopes in plain words, then the servers that they reach. */
export function accessSummary(view: AccessView): Html {
  const more = view.scopes.slice(SHOWN);
  return html`<ul class="scopes">${view.scopes.slice(0, SHOWN).map(scopeLine)}</ul>
${more.length > 0 && html`<details><summary>and ${more.length} more</summary><ul class="scopes">${more.map(scopeLine)}</ul></details>`}
${view.upstreams.length > 0 && html`<h3>On these servers</h3><ul class="upstreams">${view.upstreams.map(upstreamLine)}</ul>`}`;
}

const scopeLine = ({ text, detail }: ScopeView): Html =>
  html`<li><bdi>${shorten(text, 160)}</bdi>${detail !== undefined && html` <span class="hint">${shorten(detail, 240)}</span>`}</li>`;

const upstreamLine = ({ name, title }: AccessView['upstreams'][number]): Html =>
  html`<li><bdi>${shorten(title, 60)}</bdi>${title !== name && html` <code>${shorten(name, 40)}</code>`}</li>`;
