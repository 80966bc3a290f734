import { alertOf, field, hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';

export interface DevicePageView {
  /** Where the form goes. It sends `csrf` and `user_code`. */
  readonly action: string;
  readonly csrf: string;
  /** What the link of the device brought along; the person still has to compare and confirm (RFC 8628 §3.3.1). */
  readonly userCode?: string | undefined;
  readonly error?: string | undefined;
}

/** Asks for the code that a device shows (RFC 8628 §3.3). */
export function devicePage(view: DevicePageView): Html {
  return layout({
    title: 'Connect a device',
    failed: view.error !== undefined,
    body: html`<h1>Connect a device</h1>
<p>Type the code that your device or terminal shows. Never type a code that somebody sent you.</p>
${alertOf(view.error)}
<form method="post" action="${view.action}">
${hidden({ csrf: view.csrf })}
${field({
  name: 'user_code',
  label: 'Code on the device',
  type: 'text',
  autocomplete: 'off',
  code: true,
  maxLength: 20,
  value: view.userCode,
  focus: true,
  invalid: view.error !== undefined,
})}
<div class="actions"><button class="primary">Continue</button></div>
</form>`,
  });
}
