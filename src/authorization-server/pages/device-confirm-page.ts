import { hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';
import { signedInAs } from '../../http/pages/signed-in-as.ts';
import { type AccessView, accessSummary } from './access-view.ts';
import { type ClientView, clientSummary } from './client-view.ts';
import { type DecisionView, decisionButtons } from './decision.ts';

export interface DeviceConfirmPageView extends AccessView, DecisionView {
  readonly userCode: string;
  readonly client: ClientView;
  /** From where the device asked: the address, and what is known of its place. */
  readonly address: string;
  readonly place?: string | undefined;
}

/**
 * Asks whether the device that asked is the person's own: what was asked, by what and from where, since the code could
 * have been sent to them by an attacker (RFC 8628 §5.4). The form sends `csrf`, `user_code` and `decision`.
 */
export function deviceConfirmPage(view: DeviceConfirmPageView): Html {
  return layout({
    title: 'Is this your device?',
    asks: true,
    body: html`<h1>Is this your device?</h1>
<div class="warning"><p><strong>Only continue if you started this</strong>, on a device in front of you, and it shows the
same code. If somebody sent you the code, deny.</p></div>
<p class="usercode"><span class="hint">Code</span> <code>${view.userCode}</code></p>
${clientSummary(view.client)}
<dl class="facts">
<dt>Asks from</dt><dd><bdi>${view.address}</bdi>${view.place !== undefined && html` <span class="hint">${shorten(view.place, 80)}</span>`}</dd>
<dt>To use</dt><dd><bdi>${shorten(view.resource.title, 80)}</bdi> as you</dd>
</dl>
<h2>It could</h2>
${accessSummary(view)}
${signedInAs(view)}
<form method="post" action="${view.action}">
${hidden({ csrf: view.csrf, user_code: view.userCode })}
${decisionButtons()}
</form>`,
  });
}
