import { alertOf, field, hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';

export interface SetupPageView {
  /** Where the form goes. It sends `csrf`, `password`, `password_again` and, with `totp`, `code`. */
  readonly action: string;
  readonly csrf: string;
  readonly userName: string;
  readonly purpose: 'setup' | 'recovery';
  readonly error?: string | undefined;
  /** Offers a second factor. */
  readonly totp?:
    | {
        /** The `otpauth://` URI, which the picture holds, too. */
        readonly uri: string;
        /** In base32, for those who cannot scan. */
        readonly secret: string;
        /** The picture, an SVG document. It is shown as an image, so nothing in it can run. */
        readonly qrSvg?: string | undefined;
        /** Whether the form is refused without a code. */
        readonly required?: boolean | undefined;
      }
    | undefined;
}

/** Where a set-up or recovery link leads: choose a password and, if wanted, a second factor. */
export function setupPage(view: SetupPageView): Html {
  const title = view.purpose === 'setup' ? 'Set up your account' : 'Choose a new password';
  return layout({
    title,
    failed: view.error !== undefined,
    body: html`<h1>${title}</h1>
<p>For the account <strong><bdi>${shorten(view.userName, 80)}</bdi></strong>. This link works once.</p>
${alertOf(view.error)}
<form method="post" action="${view.action}">
${hidden({ csrf: view.csrf })}
<input ${{ type: 'text', name: 'username', value: view.userName, autocomplete: 'username', hidden: true, readonly: true }}>
${field({
  name: 'password',
  label: 'New password',
  type: 'password',
  autocomplete: 'new-password',
  hint: 'At least 12 characters. Four random words are easy to remember and hard to guess.',
  maxLength: 1024,
  focus: true,
  invalid: view.error !== undefined,
})}
${field({
  name: 'password_again',
  label: 'The same once more',
  type: 'password',
  autocomplete: 'new-password',
  maxLength: 1024,
})}
${view.totp !== undefined && secondFactor(view.totp)}
<div class="actions"><button class="primary">Save</button></div>
</form>`,
  });
}

function secondFactor(totp: NonNullable<SetupPageView['totp']>): Html {
  const required = totp.required === true;
  return html`<fieldset>
<legend>Second factor${!required && ' (recommended)'}</legend>
<p>Scan the picture with an authenticator app, then type the six digits that it shows.${!required && ' Leave the code empty to do without.'}</p>
${totp.qrSvg !== undefined && html`<p><img ${{ class: 'qr', src: svgUrl(totp.qrSvg), alt: 'QR code for an authenticator app. The same key stands below as text.', width: 192, height: 192 }}></p>`}
<details>
<summary>Type the key instead</summary>
<p><code class="key">${totp.secret.replaceAll(/(.{4})(?=.)/g, '$1 ')}</code></p>
<p><a class="app-link" href="${totp.uri}">Open in an app on this device</a></p>
</details>
${field({
  name: 'code',
  label: 'Code',
  type: 'text',
  autocomplete: 'one-time-code',
  numeric: true,
  code: true,
  maxLength: 8,
  optional: !required,
})}
</fieldset>`;
}

const svgUrl = (svg: string): string => `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
