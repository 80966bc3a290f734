import { hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';
import { signedInAs } from '../../http/pages/signed-in-as.ts';
import { type AccessView, accessSummary } from './access-view.ts';
import { type ClientView, clientSummary } from './client-view.ts';
import { type DecisionView, decisionButtons } from './decision.ts';

export interface ConsentPageView extends AccessView, DecisionView {
  readonly client: ClientView;
  /** Where the answer goes: a host with its port, or the scheme of an app (`cursor:`). */
  readonly redirectHost: string;
  /** The answer goes to a program on this computer, and nobody can check which one. */
  readonly isLoopback: boolean;
  /** The answer goes to the app that this device has registered for a scheme; other apps can claim it, too. */
  readonly isAppScheme?: boolean | undefined;
  /** Whether the person will not be asked again about the same client, redirect host and resource. */
  readonly remembered?: boolean | undefined;
  /** Whether this person never allowed this client anything. */
  readonly isNew: boolean;
}

/** Asks a signed-in person whether a program may work for them. The form sends `csrf` and `decision` (`allow`, `deny`). */
export function consentPage(view: ConsentPageView): Html {
  return layout({
    title: 'Allow access?',
    asks: true,
    body: html`<h1>Allow access?</h1>
${clientSummary(view.client)}
<p>It wants to use <strong><bdi>${shorten(view.resource.title, 80)}</bdi></strong> as you.${view.isNew && ' You have not used it here before.'}</p>
${whereTo(view)}
<h2>It could</h2>
${accessSummary(view)}
<p class="hint">Never more than you may do yourself. ${view.remembered === true ? 'Your answer is remembered until you revoke it.' : 'You are asked again next time.'}</p>
${signedInAs(view)}
<form method="post" action="${view.action}">
${hidden({ csrf: view.csrf })}
${decisionButtons()}
</form>
${aboutRequest(view)}`,
  });
}

function whereTo(view: ConsentPageView): Html {
  const target = html`<strong><bdi>${shorten(view.redirectHost, 80, 'beginning')}</bdi></strong>`;
  if (view.isLoopback) {
    return html`<div class="warning"><p><strong>A program on this computer</strong> receives the access (${target}). Toolgate
cannot check which program that is. Allow it only if you have just started to sign in from a program that you trust.</p></div>`;
  }
  if (view.isAppScheme === true) {
    return html`<div class="warning"><p><strong>An app on this device</strong> receives the access (${target}). Toolgate cannot
check which app that is. Allow it only if you have just started to sign in from an app that you trust.</p></div>`;
  }
  return html`<p>You are sent on to ${target}, which receives the access.</p>`;
}

/** For those who want to look closer; everything here is the client's own word or ours, as text. */
function aboutRequest({ client, resource, scopes }: ConsentPageView): Html {
  return html`<details class="about">
<summary>Details of this request</summary>
<dl class="facts">
<dt>Client</dt><dd><code>${shorten(client.id, 300)}</code></dd>
${client.uri !== undefined && html`<dt>Website it names</dt><dd>${shorten(client.uri, 300)}</dd>`}
<dt>Resource</dt><dd><code>${shorten(resource.url, 300)}</code></dd>
<dt>Scopes</dt><dd><code>${scopes.map(({ scope }) => scope).join(' ')}</code></dd>
</dl>
</details>`;
}
