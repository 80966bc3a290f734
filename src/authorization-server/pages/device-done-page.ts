import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { type ClientView, clientPhrase } from './client-view.ts';

export interface DeviceDonePageView {
  readonly allowed: boolean;
  readonly client: ClientView;
}

/** The end of the device flow in the browser. */
export function deviceDonePage({ allowed, client }: DeviceDonePageView): Html {
  const title = allowed ? 'Device connected' : 'Access denied';
  return layout({
    title,
    body: html`<h1>${title}</h1>
<p>${
      allowed
        ? html`Go back to your device. ${clientPhrase(client)} goes on there by itself, within a few seconds.`
        : html`Nothing was granted to ${clientPhrase(client)}.`
    }</p>
<p class="hint">You can close this window.</p>`,
  });
}
