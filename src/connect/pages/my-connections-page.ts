import { hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';
import { type SignedInAsView, signedInAs } from '../../http/pages/signed-in-as.ts';
import { againHref } from '../connect-context.ts';
import { relativeTime, utcMinute } from '../relative-time.ts';
import type { ScopeLine } from '../scope-words.ts';

export type ShownState = 'connected' | 'needs_reauth' | 'needs_scopes' | 'failing' | 'changed_issuer';

/** A connection that there is. */
export interface ShownConnection {
  readonly state: ShownState;
  readonly account: string | null;
  /** Host of the provider. */
  readonly host: string;
  readonly scopes: readonly ScopeLine[];
  /** Milliseconds since the epoch, here and below. */
  readonly connectedAt: number;
  /** When the token that is used now ends; it is replaced before, where the provider lets us. */
  readonly expiresAt: number | null;
  readonly refreshExpiresAt: number | null;
  readonly lastUsedAt: number | null;
  /** Name of the agent. */
  readonly lastUsedBy: string | null;
  /** What the person can do where something is wrong. */
  readonly nextAction: string | null;
}

/** One upstream, connected or not. */
export interface ServiceView {
  readonly upstream: string;
  readonly connection: ShownConnection | null;
  /** Where to connect it, or connect it again; null: the person may not use it any more. */
  readonly connectHref: string | null;
  /** Where the form that disconnects goes. It sends `csrf` and `as`. */
  readonly disconnectAction: string;
  readonly as?: string | undefined;
}

export interface MyConnectionsPageView extends SignedInAsView {
  readonly csrf: string;
  readonly mine: readonly ServiceView[];
  /** What everybody shares; null for who does not administer it. */
  readonly shared: readonly ServiceView[] | null;
  /** Begins to connect one after the other; null where fewer than two wait for it. */
  readonly connectAllHref: string | null;
  readonly now: number;
}

/** What a person connected, and can connect. */
export function myConnectionsPage(view: MyConnectionsPageView): Html {
  return layout({
    title: 'My connections',
    body: html`<h1>My connections</h1>
${
  view.mine.length === 0
    ? html`<p>None of the servers that you may use asks for an account of yours. There is nothing to connect.</p>`
    : html`<p>Services that your agents use with your account. Toolgate keeps the access encrypted, and agents never see it.</p>`
}
${view.connectAllHref !== null && html`<p><a class="button primary" href="${view.connectAllHref}">Connect all</a></p>`}
${list(view.mine, view)}
${view.shared !== null && view.shared.length > 0 && html`<h2>Shared by everybody</h2>${list(view.shared, view)}`}
${signedInAs(view)}`,
  });
}

const list = (services: readonly ServiceView[], view: MyConnectionsPageView): Html | false =>
  services.length > 0 && html`<ul class="services">${services.map((service) => entry(service, view))}</ul>`;

const STATES: Readonly<Record<ShownState, { readonly text: string; readonly look: 'good' | 'warn' | 'bad' }>> = {
  connected: { text: 'Connected', look: 'good' },
  failing: { text: 'Does not answer', look: 'warn' },
  needs_scopes: { text: 'Needs more access', look: 'warn' },
  needs_reauth: { text: 'Sign in again', look: 'warn' },
  changed_issuer: { text: 'Stopped', look: 'bad' },
};

function entry(service: ServiceView, view: MyConnectionsPageView): Html {
  const { upstream, connection, connectHref, as } = service;
  const name = html`<bdi>${shorten(upstream, 40)}</bdi>`;
  // Below a heading of their own.
  const heading = as === undefined ? html`<h2>${name}</h2>` : html`<h3>${name}</h3>`;
  const state = connection === null ? { text: 'Not connected', look: 'none' } : STATES[connection.state];
  const isWell = connection?.state === 'connected' || connection?.state === 'failing';
  return html`<li>
<div class="service">${heading}<span class="state ${state.look}">${state.text}</span></div>
${connection !== null && html`<p class="hint">${whoAndWhen(connection, view.now)}</p>`}
${connection !== null && connection.nextAction !== null && html`<p class="hint">${shorten(connection.nextAction, 300)}</p>`}
${connectHref === null && html`<p class="hint">You may not use this server any more.</p>`}
${connectHref !== null && !isWell && html`<p><a class="button" href="${connectHref}">${connection === null ? 'Connect' : 'Connect again'}</a></p>`}
${connection !== null && details(service, connection, view)}
</li>`;
}

function whoAndWhen({ account, host, lastUsedAt, lastUsedBy }: ShownConnection, now: number): Html {
  const by = lastUsedBy !== null && html` by <bdi>${shorten(lastUsedBy, 60)}</bdi>`;
  const used = lastUsedAt === null ? 'not used yet' : html`used ${relativeTime(lastUsedAt, now)}${by}`;
  const who = account === null ? html`at` : html`<bdi>${shorten(account, 80)}</bdi> at`;
  return html`${who} <bdi>${shorten(host, 60, 'beginning')}</bdi> · ${used}`;
}

function details(service: ServiceView, connection: ShownConnection, { csrf, now }: MyConnectionsPageView): Html {
  const { connectedAt, expiresAt, refreshExpiresAt, scopes, state } = connection;
  const when = (time: number) => html`${utcMinute(time)} <span class="hint">(${relativeTime(time, now)})</span>`;
  const isWell = state === 'connected' || state === 'failing';
  return html`<details class="about">
<summary>Details of <bdi>${shorten(service.upstream, 40)}</bdi></summary>
<dl class="facts">
<dt>Access</dt><dd>${scopes.length === 0 ? 'as the provider decided' : html`<ul>${scopes.map(access)}</ul>`}</dd>
<dt>Connected</dt><dd>${when(connectedAt)}</dd>
${expiresAt !== null && html`<dt>Token ends</dt><dd>${when(expiresAt)}, replaced by itself where the provider allows it</dd>`}
${refreshExpiresAt !== null && html`<dt>Sign in again</dt><dd>before ${when(refreshExpiresAt)}</dd>`}
</dl>
${isWell && service.connectHref !== null && html`<p><a class="app-link" href="${againHref(service.connectHref)}">Connect another account instead</a></p>`}
<form method="post" action="${service.disconnectAction}">
${hidden({ csrf, as: service.as })}
<button>Disconnect</button>
</form>
</details>`;
}

const access = ({ scope, text }: ScopeLine): Html =>
  html`<li>${text ?? html`<code>${shorten(scope, 120)}</code>`}</li>`;
