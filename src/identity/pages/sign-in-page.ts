import { alertOf, field, hidden } from '../../http/pages/form.ts';
import { type Html, html } from '../../http/pages/html.ts';
import { layout } from '../../http/pages/layout.ts';
import { shorten } from '../../http/pages/shorten.ts';

export interface SignInPageView {
  /** Where the form goes. It sends `csrf`, `return_to`, `login` and `password`. */
  readonly action: string;
  readonly csrf: string;
  readonly returnTo: string;
  /** The company's identity providers. Their links are plain GET requests. */
  readonly providers: readonly { readonly name: string; readonly title: string; readonly href: string }[];
  /** Whether people can sign in with a password, too. */
  readonly local: boolean;
  readonly error?: string | undefined;
  readonly loginHint?: string | undefined;
}

/** Asks who it is. */
export function signInPage(view: SignInPageView): Html {
  return layout({
    title: 'Sign in',
    failed: view.error !== undefined,
    body: html`<h1>Sign in</h1>
${alertOf(view.error)}
${view.providers.length > 0 && html`<ul class="providers" aria-label="Identity providers">${view.providers.map(provider)}</ul>`}
${view.providers.length > 0 && view.local && html`<p class="or"><span>or with a password</span></p>`}
${view.local && passwordForm(view)}
${!view.local && view.providers.length === 0 && html`<p>Nobody can sign in here yet. Ask whoever runs this gateway to set up an identity provider or local accounts.</p>`}`,
  });
}

const provider = (one: SignInPageView['providers'][number]): Html =>
  html`<li><a class="button" href="${one.href}">Continue with ${shorten(one.title, 60)}</a></li>`;

function passwordForm(view: SignInPageView): Html {
  const failed = view.error !== undefined;
  const login = view.loginHint ?? '';
  return html`<form method="post" action="${view.action}">
${hidden({ csrf: view.csrf, return_to: view.returnTo })}
${field({
  name: 'login',
  label: 'Name or e-mail address',
  type: 'text',
  autocomplete: 'username',
  value: view.loginHint,
  invalid: failed,
  focus: login === '' && view.providers.length === 0,
})}
${field({
  name: 'password',
  label: 'Password',
  type: 'password',
  autocomplete: 'current-password',
  invalid: failed,
  focus: login !== '',
  maxLength: 1024,
})}
<div class="actions"><button class="primary">Sign in</button></div>
</form>
<p class="hint">Forgotten your password? An owner of this gateway can send you a new set-up link.</p>`;
}
