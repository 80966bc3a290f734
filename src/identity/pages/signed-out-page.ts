import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';

export interface SignedOutPageView {
  /** Where to sign in again. */
  readonly signInHref?: string | undefined;
}

/** After signing out. */
export function signedOutPage(view: SignedOutPageView): Html {
  return layout({
    title: 'You are signed out',
    body: html`<h1>You are signed out</h1>
<p>Programs that you allowed to work for you keep working until you, or an owner of this gateway, revoke them.</p>
${view.signInHref !== undefined && html`<div class="actions"><a class="button" href="${view.signInHref}">Sign in again</a></div>`}
<p class="hint">On a computer that others use, close the browser now. Your company’s identity provider may still know you.</p>`,
  });
}
