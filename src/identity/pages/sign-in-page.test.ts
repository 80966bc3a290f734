import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setupPage } from './setup-page.ts';
import { type SignInPageView, signInPage } from './sign-in-page.ts';

const view: SignInPageView = { action: '/sign-in', csrf: 'token', returnTo: '/a?b=c&d=e', providers: [], local: true };
const okta = { name: 'okta', title: 'Example <Okta>', href: '/sign-in/okta?return_to=%2Fa' };

test('people sign in with a provider, a password or both, as is configured', () => {
  const local = String(signInPage(view));
  assert.match(local, /name="login"/);
  assert.doesNotMatch(local, /Continue with/);
  const both = String(signInPage({ ...view, providers: [okta] }));
  assert.match(both, /href="\/sign-in\/okta\?return_to=%2Fa">Continue with Example &lt;Okta&gt;</);
  assert.match(both, /name="password"/);
  const provider = String(signInPage({ ...view, providers: [okta], local: false }));
  assert.doesNotMatch(provider, /<form|<input/);
  assert.match(String(signInPage({ ...view, local: false })), /Nobody can sign in here yet/);
});

test('the way back survives the form unchanged', () => {
  assert.match(String(signInPage(view)), /name="return_to" value="\/a\?b=c&amp;d=e"/);
});

test('password managers find what they fill in, and a password never comes back', () => {
  const failed = String(signInPage({ ...view, error: 'Wrong.', loginHint: 'ann' }));
  assert.match(failed, /name="login"[^>]* autocomplete="username" value="ann"/);
  assert.match(failed, /name="password"[^>]* autocomplete="current-password" required autofocus/);
  assert.doesNotMatch(failed, /type="password"[^>]* value=/);
  const setup = String(setupPage({ action: '/setup/x', csrf: 'token', userName: 'ann', purpose: 'setup' }));
  assert.equal(setup.match(/autocomplete="new-password"/g)?.length, 2);
  assert.match(setup, /name="username" value="ann" autocomplete="username" hidden/);
});

test('a second factor can be scanned, typed, or left out where it is optional', () => {
  const totp = { uri: 'otpauth://totp/Toolgate:ann?secret=JBSWY3DP', secret: 'JBSWY3DP', qrSvg: '<svg onload="x"/>' };
  const page = (required: boolean) =>
    String(setupPage({ action: '/s', csrf: 't', userName: 'ann', purpose: 'setup', totp: { ...totp, required } }));
  assert.match(page(false), /<code class="key">JBSW Y3DP<\/code>/);
  assert.match(page(false), /<img class="qr" src="data:image\/svg\+xml;base64,[\w+/=]+" alt="QR code/);
  assert.doesNotMatch(page(false), /<svg|name="code"[^>]* required/);
  assert.match(page(true), /name="code"[^>]* required/);
});
