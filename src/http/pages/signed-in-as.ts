import { type Html, html } from './html.ts';
import { shorten } from './shorten.ts';

export interface SignedInAsView {
  /** Who is signed in, and would be answering. */
  readonly user: { readonly name: string };
  /** Where to sign in as somebody else and come back here. */
  readonly switchAccountHref: string;
}

/** Whose access it is about, and a way out for those who are signed in as somebody else. */
export function signedInAs({ user, switchAccountHref }: SignedInAsView): Html {
  return html`<p class="account"><span>Signed in as <strong><bdi>${shorten(user.name, 80)}</bdi></strong></span>
<a href="${switchAccountHref}">Use another account</a></p>`;
}
