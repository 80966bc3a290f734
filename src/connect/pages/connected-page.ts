import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';

export interface ConnectedPageView {
  readonly upstream: string;
  readonly account: string | null;
  /** Host of the provider. */
  readonly host: string;
  /** What is wrong nevertheless, such as a provider that does not answer at present. */
  readonly nextAction: string | null;
  readonly connectionsHref: string;
  /** Where to take another account. */
  readonly againHref: string;
}

/** The end of connecting, also for who comes here once more. */
export function connectedPage(view: ConnectedPageView): Html {
  const title = `${shorten(view.upstream, 40)} is connected`;
  return layout({
    title,
    body: html`<h1>${title}</h1>
<p>${
      view.account === null
        ? html`With an account at <bdi>${shorten(view.host, 80, 'beginning')}</bdi>.`
        : html`As <strong><bdi>${shorten(view.account, 80)}</bdi></strong> at <bdi>${shorten(view.host, 80, 'beginning')}</bdi>.`
    } Go back to your agent and let it try again. You can close this page.</p>
${view.nextAction !== null && html`<div class="warning"><p>${shorten(view.nextAction, 300)}</p></div>`}
<div class="actions"><a class="button" href="${view.connectionsHref}">My connections</a></div>
<p class="hint">The wrong account? <a class="app-link" href="${view.againHref}">Take another one</a></p>`,
  });
}
