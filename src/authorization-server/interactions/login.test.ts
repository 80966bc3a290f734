import assert from 'node:assert/strict';
import { beforeEach, type TestContext, test } from 'node:test';
import { startAuthorizationServer, type TestAuthorizationServer } from '../../../test/authorization-server.ts';
import { Browser, type PageAnswer } from '../../../test/oauth-browser.ts';
import { answerIn, authorizeUrl, register } from '../../../test/oauth-client.ts';

let as: TestAuthorizationServer;
let browser: Browser;
let clientId: string;
beforeEach(async (context) => {
  as = await startAuthorizationServer();
  (context as TestContext).after(() => as.close());
  await as.addUser('ann');
  await as.addUser('ben');
  browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  clientId = await register(as.url);
});

const asks = (page: PageAnswer): boolean => page.text.includes('Allow access?');
const open = (more: Record<string, string>): Promise<PageAnswer> =>
  browser.open(authorizeUrl(as.url, { clientId, more }));

/** As if the person had signed in earlier. */
async function makeOlder(ms: number): Promise<void> {
  const authenticated_at = Date.now() - ms;
  await as.db.updateTable('browser_sessions').set({ authenticated_at }).execute();
}

/** The way back from a sign-in page that was asked for. */
function returnOf(page: PageAnswer): string {
  const url = new URL(page.url);
  assert.equal(url.pathname, '/sign-in', page.text);
  return url.searchParams.get('return_to')!;
}

for (const prompt of ['login', 'select_account']) {
  test(`prompt=${prompt} asks for a new sign-in, once, also of somebody else`, async () => {
    for (const name of ['ann', 'ben']) {
      await makeOlder(5000);
      const away = await open({ prompt });
      assert.equal(new URL(away.url).searchParams.get('prompt'), 'login');
      // Coming back without having signed in again changes nothing.
      assert.equal(new URL((await browser.open(returnOf(away))).url).pathname, '/sign-in');
      await browser.open(`/test/sign-in?name=${name}`);
      const page = await browser.open(returnOf(away));
      assert.ok(asks(page), page.text);
      assert.match(page.text, new RegExp(`Signed in as <strong><bdi>${name}<`));
      assert.ok(answerIn((await browser.submit(page, { decision: 'allow' })).url).code);
    }
  });
}

test('max_age asks for a new sign-in when the last one is older', async () => {
  const scope = 'openid mcp';
  assert.ok(asks(await open({ max_age: '60', scope })));
  await makeOlder(61_000);
  const away = await open({ max_age: '60', scope });
  await browser.open('/test/sign-in?name=ann');
  const page = await browser.open(returnOf(away));
  assert.ok(asks(page), page.text);
  assert.ok(answerIn((await browser.submit(page, { decision: 'allow' })).url).code);
});

test('the sign-in is asked of the browser session at every authorization', async () => {
  assert.ok(asks(await open({})));
  await as.db.deleteFrom('browser_sessions').execute();
  returnOf(await open({}));
  await browser.open('/test/sign-in?name=ben');
  assert.match((await open({})).text, /Signed in as <strong><bdi>ben</);
});

test('several sign-ins can be under way in one browser', async () => {
  const pages = [await open({ state: 'one' }), await open({ state: 'two' }), await open({ state: 'three' })];
  for (const page of pages.reverse()) {
    const { code, state } = answerIn((await browser.submit(page, { decision: 'allow' })).url);
    assert.equal(typeof code, 'string', `${state}`);
  }
});

test('ten that begin at once, before anything is known of the browser', async () => {
  const stranger = new Browser(as.url);
  await stranger.open('/test/sign-in?name=ann');
  const pages = await Promise.all(
    Array.from({ length: 10 }, (_, i) => stranger.open(authorizeUrl(as.url, { clientId, more: { state: `${i}` } }))),
  );
  for (const page of pages) {
    const { code, state } = answerIn((await stranger.submit(page, { decision: 'allow' })).url);
    assert.equal(typeof code, 'string', `${state}`);
  }
});

test('who signs in as somebody else right after having answered is asked again', async () => {
  await as.db.deleteFrom('browser_sessions').execute();
  const away = await open({});
  await browser.open('/test/sign-in?name=ann');
  const answered = await browser.request(returnOf(away));
  await browser.open('/test/sign-in?name=ben');
  const page = await browser.open(new URL(answered.headers.get('location')!, as.url).href);
  assert.match(page.text, /Signed in as <strong><bdi>ben</);
  assert.ok(answerIn((await browser.submit(page, { decision: 'allow' })).url).code);
});

test('another account starts the same request anew', async () => {
  const page = await open({ state: 'mine' });
  const href = /href="(\/sign-in\?[^"]+prompt=login)"/.exec(page.text)![1]!.replaceAll('&amp;', '&');
  await browser.open('/test/sign-in?name=ben');
  const again = await browser.open(new URL(href, as.url).searchParams.get('return_to')!);
  assert.match(again.text, /Signed in as <strong><bdi>ben</);
  const { code, state } = answerIn((await browser.submit(again, { decision: 'allow' })).url);
  assert.deepEqual([state, typeof code], ['mine', 'string']);
});
