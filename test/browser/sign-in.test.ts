/** Signing in and out in a real browser, at the whole gateway: cookies, redirects between sites, `form-action`. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Secret as OtpSecret, TOTP } from 'otpauth';
import type { Browser, Page } from 'playwright-core';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { openBrowser } from './open-browser.ts';

const PASSWORD = 'correct horse battery staple';

describe('signing in with a real browser', () => {
  let browser: Browser;
  let gateway: TestGateway;
  let idp: FakeIdentityProvider;
  before(async () => {
    idp = await startIdentityProvider(['http://127.0.0.1/sign-in/callback/corp'], { anyPort: true });
    const { issuer, clientId, clientSecret } = idp;
    gateway = await startToolgate({
      config: {
        oauth: { identityProviders: [{ name: 'corp', title: 'Corp', issuer, clientId, clientSecret: '${env:IDP}' }] },
      },
      env: { IDP: clientSecret },
    });
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await gateway?.close();
    await idp?.close();
  });

  /** A page of a browser profile of its own; at the end nothing may have been refused by our own policy. */
  async function withPage(work: (page: Page) => Promise<void>): Promise<void> {
    const profile = await browser.newContext();
    const refused: string[] = [];
    try {
      const page = await profile.newPage();
      page.on('console', (message) => {
        if (/Content Security Policy|Refused/.test(message.text())) refused.push(message.text());
      });
      await work(page);
    } finally {
      await profile.close();
    }
    assert.deepEqual(refused, []);
  }

  const signedInAs = (page: Page, name: string) => page.getByText(`As ${name}.`).waitFor();

  test('a set-up link with a second factor, signing out, and in again with both', async () => {
    const name = 'ann@example.org';
    const { body: user } = await gateway.admin('POST', '/users', { name });
    const { body: link } = await gateway.admin('POST', `/users/${user.id}/setup-links`, {});
    await withPage(async (page) => {
      await page.goto(link.url);
      const key = (await page.locator('code.key').textContent())!.replaceAll(' ', '');
      const totp = new TOTP({ secret: OtpSecret.fromBase32(key) });
      await page.getByLabel('New password').fill(PASSWORD);
      await page.getByLabel('The same once more').fill(PASSWORD);
      await page.getByLabel('Code').fill(totp.generate({ timestamp: Date.now() - 30_000 }));
      await page.getByRole('button', { name: 'Save' }).click();
      await signedInAs(page, name);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
      await page.getByRole('link', { name: 'Sign in again' }).click();
      await page.getByLabel('Name or e-mail address').fill(name);
      await page.getByLabel('Password').fill('not this one at all');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').waitFor();
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByLabel('Code').fill(totp.generate());
      await page.getByRole('button', { name: 'Continue' }).click();
      await signedInAs(page, name);
    });
  });

  test('through an identity provider on another site, and out again there', async () => {
    await withPage(async (page) => {
      await page.goto(`${gateway.url}/sign-in`);
      await page.getByRole('link', { name: 'Continue with Corp' }).click();
      await signedInAs(page, 'ann@corp.example');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${idp.issuer}/session/end**`);
      await page.goto(`${gateway.url}/sign-in`);
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    });
  });
});
