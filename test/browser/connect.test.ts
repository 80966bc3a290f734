/** Connecting an account with a real browser, at the whole gateway: across two origins, under the policy of our pages. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page, Request } from 'playwright-core';
import { type ConnectingPerson, type ConnectSite, startConnectSite } from '../connect-site.ts';
import { openBrowser } from './open-browser.ts';
import { PAYLOADS } from './sample-pages.ts';

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

  /** A window in which the person is signed in to the gateway. Gives what the policy of our pages refused. */
  async function asPerson(person: ConnectingPerson, work: (page: Page) => Promise<void>): Promise<string[]> {
    const profile = await browser.newContext();
    const refused: string[] = [];
    try {
      const value = person.browser.cookie('toolgate_session')!;
      await profile.addCookies([{ name: 'toolgate_session', value, url: site.gateway.url }]);
      const page = await profile.newPage();
      page.on('console', (message) => {
        if (/Content Security Policy|Refused/.test(message.text())) refused.push(message.text());
      });
      await work(page);
    } finally {
      await profile.close();
    }
    return refused;
  }

  test('a person connects all, looks at what there is, and disconnects', async () => {
    const { gateway, provider } = site;
    const ann = await site.newPerson('ann');
    const refused = await asPerson(ann, async (page) => {
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
    });
    assert.deepEqual(refused, []);
  });

  test('with the keyboard alone, and the provider does not learn from where, nor anybody else the code', async () => {
    const { gateway, provider } = site;
    const bob = await site.newPerson('bob');
    const requests: Request[] = [];
    const refused = await asPerson(bob, async (page) => {
      page.on('request', (request) => requests.push(request));
      provider.approve = 'bob@provider.example';
      await page.goto(`${gateway.url}/connect/docs`);
      await page.getByRole('heading', { name: 'Connect docs?' }).waitFor();
      const focused = () => page.evaluate('document.activeElement.textContent.trim()');
      for (let i = 0; i < 20 && (await focused()) !== 'Continue'; i++) await page.keyboard.press('Tab');
      assert.equal(await focused(), 'Continue');
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { name: 'docs is connected' }).waitFor();
      assert.equal(page.url(), `${gateway.url}/connect/docs`, 'the code is not in the address bar');
      assert.match(await page.locator('main').innerText(), /bob@provider\.example/);
      await page.goBack();
      await page.waitForLoadState('networkidle');
      assert.ok(!page.url().includes('code='), 'nor behind the button that leads back');
    });
    const atProvider = requests.filter((request) => request.url().startsWith(provider.issuer));
    assert.ok(atProvider.length > 0);
    for (const request of requests) {
      const { referer = '' } = request.headers();
      assert.ok(referer === '' || new URL(request.url()).origin === gateway.url, `${request.url()} is told ${referer}`);
      assert.doesNotMatch(referer, /code=|state=/);
    }
    assert.deepEqual(refused, []);
  });

  test('a link that was made for somebody else leads to a page that says so, and on to no provider', async () => {
    const { gateway, provider } = site;
    const cal = await site.newPerson('cal');
    const dan = await site.newPerson('dan');
    const { body } = await gateway.admin('POST', '/upstreams/docs/my-connection/link', undefined, { key: cal.key });
    const urls: string[] = [];
    await asPerson(dan, async (page) => {
      page.on('request', (request) => urls.push(request.url()));
      await page.goto(body.url);
      await page.getByRole('heading', { name: 'This link is not for you' }).waitFor();
      assert.equal(await page.getByRole('button', { name: 'Continue' }).count(), 0);
    });
    assert.ok(!urls.some((url) => url.startsWith(provider.issuer)));
    await asPerson(cal, async (page) => {
      await page.goto(body.url);
      await page.getByRole('heading', { name: 'Connect docs?' }).waitFor();
    });
  });

  test('who says no at the provider comes back to a page that says so, and can try again', async () => {
    const { gateway, provider } = site;
    const eve = await site.newPerson('eve');
    provider.deny = 'access_denied';
    try {
      await asPerson(eve, async (page) => {
        await page.goto(`${gateway.url}/connect/docs`);
        await page.getByRole('button', { name: 'Continue' }).click();
        await page
          .getByRole('alert')
          .or(page.getByRole('heading', { level: 1 }))
          .first()
          .waitFor();
        await page.waitForURL(/\/connect\/callback/);
        assert.match(await page.locator('main').innerText(), /could not be connected|not connected/i);
        assert.ok((await page.locator('main a').count()) > 0, 'there is a way on');
      });
    } finally {
      provider.deny = undefined;
    }
    assert.equal(await site.accountOf(eve, 'docs'), null);
  });

  test('what a provider calls an account stands on our pages as text, whatever it is', async () => {
    const { gateway, provider } = site;
    const fay = await site.newPerson('fay');
    const refused = await asPerson(fay, async (page) => {
      // All of them are tried on the pages alone (page-injection.test.ts); here it is the way there that counts.
      for (const account of PAYLOADS.slice(0, 5)) {
        provider.approve = account;
        await page.goto(`${gateway.url}/connect/docs?again=1`);
        await page.getByRole('button', { name: 'Continue' }).click();
        await page.getByRole('heading', { name: 'docs is connected' }).waitFor();
        for (const path of ['/connect/docs', '/connect', '/connect/docs?again=1']) {
          await page.goto(`${gateway.url}${path}`);
          const at = `${path}: ${account}`;
          assert.ok((await page.locator('main').innerText()).includes(account), at);
          assert.equal(await page.evaluate('window.ran'), undefined, at);
          assert.equal(await page.locator('script, iframe, base, style, main :is(svg, img)').count(), 0, at);
        }
      }
    });
    assert.deepEqual(refused, []);
  });
});
