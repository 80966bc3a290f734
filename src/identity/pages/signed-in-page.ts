import { hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';

export interface SignedInPageView {
  readonly userName: string;
  /** Where the form that signs out goes. It sends `csrf`. */
  readonly signOutAction: string;
  readonly csrf: string;
  /** Where the person's own connections are. */
  readonly connectionsHref: string;
  /** Where to sign in as somebody else. */
  readonly switchAccountHref: string;
}

/** For who signed in without being on the way anywhere, or opened the sign-in page again. */
export function signedInPage(view: SignedInPageView): Html {
  return layout({
    title: 'You are signed in',
    body: html`<h1>You are signed in</h1>
<p>As <strong><bdi>${shorten(view.userName, 80)}</bdi></strong>. You can close this page, and connect a program now.</p>
<form method="post" action="${view.signOutAction}">
${hidden({ csrf: view.csrf })}
<div class="actions"><a class="button" href="${view.connectionsHref}">My connections</a> <button>Sign out</button> <a class="button" href="${view.switchAccountHref}">Use another account</a></div>
</form>`,
  });
}
