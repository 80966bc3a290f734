import { alertOf, field, hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';

export interface TotpPageView {
  /** Where the form goes. It sends `csrf` and `code`. */
  readonly action: string;
  readonly csrf: string;
  readonly error?: string | undefined;
}

/** Asks for the second factor. */
export function totpPage(view: TotpPageView): Html {
  return layout({
    title: 'Enter your code',
    failed: view.error !== undefined,
    body: html`<h1>Enter your code</h1>
<p>Open your authenticator app and type the six digits that it shows for Toolgate.</p>
${alertOf(view.error)}
<form method="post" action="${view.action}">
${hidden({ csrf: view.csrf })}
${field({
  name: 'code',
  label: 'Code',
  type: 'text',
  autocomplete: 'one-time-code',
  numeric: true,
  code: true,
  maxLength: 8,
  focus: true,
  invalid: view.error !== undefined,
})}
<div class="actions"><button class="primary">Continue</button></div>
</form>
<p class="hint">Lost the app? An owner of this gateway can send you a new set-up link.</p>`,
  });
}
