import { hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';

export interface LogoutPageView {
  /** Where the form goes. It sends `csrf` and `decision`: `sign-out` or `stay`. */
  readonly action: string;
  readonly csrf: string;
  readonly userName: string;
  /** As the program calls itself; absent when none is named. */
  readonly clientName?: string | undefined;
}

/** Asks whether to sign out here, when a program or a link led to it. */
export function logoutPage(view: LogoutPageView): Html {
  return layout({
    title: 'Sign out?',
    body: html`<h1>Sign out?</h1>
<p>You are signed in as <strong><bdi>${shorten(view.userName, 80)}</bdi></strong>.${
      view.clientName !== undefined &&
      html` A program that calls itself <bdi>${shorten(view.clientName, 80)}</bdi> asks to sign you out of this gateway.`
    }</p>
<p class="hint">Programs that you allowed to work for you keep working until you, or an owner of this gateway, revoke them.</p>
<form method="post" action="${view.action}">
${hidden({ csrf: view.csrf })}
<div class="actions"><button class="primary" name="decision" value="sign-out">Sign out</button> <button name="decision" value="stay">Stay signed in</button></div>
</form>`,
  });
}
