import { hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';
import { type SignedInAsView, signedInAs } from '../../http/pages/signed-in-as.ts';
import type { ScopeLine } from '../scope-words.ts';
import { scopeList } from './scope-list.ts';

export interface ConnectPageView extends SignedInAsView {
  /** Where the form goes. It sends `csrf` and `fields`. */
  readonly action: string;
  readonly csrf: string;
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly upstream: string;
  /** Host of the upstream itself. */
  readonly upstreamHost: string;
  /** Where the browser goes to sign in: a host with its port. */
  readonly host: string;
  readonly issuer: string;
  readonly scopes: readonly ScopeLine[];
  /** Whose calls will use the account. */
  readonly usedBy: 'person' | 'everybody' | { readonly serviceAccount: string };
  /** How the provider knows this gateway. */
  readonly clientSource: 'configured' | 'metadata-document' | 'dynamic';
  readonly account: string | null;
  readonly warning: string | null;
  readonly cancel: { readonly href: string; readonly text: string };
  /** How many more are to be connected after this one. */
  readonly remaining: number;
}

/** Asks a signed-in person whether to connect an account. Nothing is begun before they say yes. */
export function connectPage(view: ConnectPageView): Html {
  const name = html`<bdi>${shorten(view.upstream, 40)}</bdi>`;
  const host = html`<bdi>${shorten(view.host, 80, 'beginning')}</bdi>`;
  return layout({
    title: `Connect ${shorten(view.upstream, 40)}?`,
    asks: true,
    body: html`<h1>Connect ${name}?</h1>
<div class="client">
<p class="who">${host}</p>
<p>is where you sign in next, and where you agree once more</p>
</div>
${view.warning !== null && html`<div class="warning"><p>${shorten(view.warning, 400)}</p></div>`}
${whoUsesIt(view)}
<h2>What your agents could do there</h2>
${view.scopes.length === 0 ? html`<p>${host} decides that, and tells you before you agree.</p>` : scopeList(view.scopes)}
<p class="hint">Toolgate keeps the access encrypted and sends it to <strong><bdi>${shorten(view.upstreamHost, 80, 'beginning')}</bdi></strong>
alone; agents never see it. You can disconnect at any time.</p>
${signedInAs(view)}
<form method="post" action="${view.action}">
${hidden({ csrf: view.csrf, ...view.fields })}
<div class="actions pair">
<a class="button" href="${view.cancel.href}">${view.cancel.text}</a>
<button class="primary">Continue</button>
</div>
</form>
${view.remaining > 0 && html`<p class="hint">${view.remaining === 1 ? 'One more follows' : `${view.remaining} more follow`} after this.</p>`}
${details(view)}`,
  });
}

function whoUsesIt({ usedBy, account }: ConnectPageView): Html {
  const before = account !== null && html` Connected so far: <strong><bdi>${shorten(account, 80)}</bdi></strong>.`;
  if (usedBy === 'everybody') {
    return html`<div class="warning"><p><strong>Everybody</strong> whose roles reach this server works with the account
that you sign in with, under its name. Take one that is meant for that, not your own.${before}</p></div>`;
  }
  if (usedBy !== 'person') {
    return html`<div class="warning"><p>The service account <strong><bdi>${shorten(usedBy.serviceAccount, 80)}</bdi></strong>
works with the account that you sign in with, under its name. Take one that is meant for that, not your own.${before}</p></div>`;
  }
  return html`<p>Your agents then work there with your account, and never more than you may do yourself.${before}</p>`;
}

const SOURCES: Readonly<Record<ConnectPageView['clientSource'], string>> = {
  configured: 'registered by an operator',
  'metadata-document': 'by its own document',
  dynamic: 'registered by itself',
};

function details(view: ConnectPageView): Html {
  return html`<details class="about">
<summary>Details of this connection</summary>
<dl class="facts">
<dt>Server</dt><dd><bdi>${shorten(view.upstream, 40)}</bdi> at <bdi>${shorten(view.upstreamHost, 120, 'beginning')}</bdi></dd>
<dt>Provider</dt><dd><code>${shorten(view.issuer, 300)}</code></dd>
<dt>This gateway</dt><dd>${SOURCES[view.clientSource]}</dd>
${view.scopes.length > 0 && html`<dt>Scopes</dt><dd><code>${shorten(view.scopes.map(({ scope }) => scope).join(' '), 1000)}</code></dd>`}
</dl>
</details>`;
}
