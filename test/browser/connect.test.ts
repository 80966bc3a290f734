/** Connecting an account with a real browser, at the whole gateway: across two origins, under the policy of our pages. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { type ConnectSite, startConnectSite } from '../connect-site.ts';
import { openBrowser } from './open-browser.ts';

describe('connecting with a real browser', () => {
  let browser: Browser;
  let site: ConnectSite;
  before(async () => {
    site = await startConnectSite();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  test('a person connects all, looks at what there is, and disconnects', async () => {
    const { gateway, provider } = site;
    const ann = await site.newPerson('ann');
    const profile = await browser.newContext();
    const refused: string[] = [];
    try {
      const session = ann.browser.cookie('toolgate_session')!;
      await profile.addCookies([{ name: 'toolgate_session', value: session, url: gateway.url }]);
      const page = await profile.newPage();
      page.on('console', (message) => {
        if (/Content Security Policy|Refused/.test(message.text())) refused.push(message.text());
      });
      const gone: string[] = [];
      page.on('request', (request) => gone.push(request.url()));
      provider.approve = 'ann@provider.example';
      await page.goto(`${gateway.url}/connect`);
      await page.getByRole('link', { name: 'Connect all' }).click();
      for (const upstream of ['docs', 'wiki']) {
        await page.getByRole('heading', { name: `Connect ${upstream}?` }).waitFor();
        assert.equal(await page.locator('.who').innerText(), new URL(provider.issuer).host);
        await page.getByRole('button', { name: 'Continue' }).click();
      }
      await page.getByRole('heading', { name: 'My connections' }).waitFor();
      assert.equal(await page.getByText('Connected', { exact: true }).count(), 4, 'two states, two times');
      assert.equal(page.url(), `${gateway.url}/connect`);
      assert.equal(await site.accountOf(ann, 'docs'), 'ann@provider.example');
      assert.ok(gone.some((url) => url.startsWith(`${provider.issuer}/authorize?`)));

      await page.getByText('Details of docs').click();
      await page.locator('form[action="/connect/docs/disconnect"] button').click();
      await page.getByText('Not connected').waitFor();
      assert.equal(await site.accountOf(ann, 'docs'), null);
      assert.equal(await site.accountOf(ann, 'wiki'), 'ann@provider.example');
    } finally {
      await profile.close();
    }
    assert.deepEqual(refused, []);
  });
});
