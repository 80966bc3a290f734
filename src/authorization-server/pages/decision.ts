import { type Html, html } from '../../http/pages/html.ts';
import { shorten } from '../../http/pages/shorten.ts';

/** What every page has that asks for a yes or a no. */
export interface DecisionView {
  readonly action: string;
  readonly csrf: string;
  /** Who is signed in and would be answering. */
  readonly user: { readonly name: string };
  /** Where to sign in as somebody else and come back here. */
  readonly switchAccountHref: string;
}

/** Whose access it is about, and a way out for those who are signed in as somebody else. */
export function signedInAs({ user, switchAccountHref }: DecisionView): Html {
  return html`<p class="account"><span>Signed in as <strong><bdi>${shorten(user.name, 80)}</bdi></strong></span>
<a href="${switchAccountHref}">Use another account</a></p>`;
}

/** Two buttons of one size. None is chosen by Enter before one of them has the focus, since the forms have no field. */
export function decisionButtons(): Html {
  return html`<div class="actions pair">
<button name="decision" value="deny">Deny</button>
<button class="primary" name="decision" value="allow">Allow</button>
</div>`;
}
