import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startAuthorizationServer } from '../../../test/authorization-server.ts';
import { Browser } from '../../../test/oauth-browser.ts';
import { authorize, json, post, postJson, register } from '../../../test/oauth-client.ts';

const BYE = 'https://app.example/bye?from=toolgate';
const REDIRECTS = ['http://127.0.0.1/callback'];

async function start(t: TestContext, issuerPath = '') {
  const as = await startAuthorizationServer({ oauth: { issuerPath } });
  t.after(() => as.close());
  const ann = await as.addUser('ann');
  const browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  const endpoint = `${issuerPath}/oauth/end-session`;
  const isSignedIn = async (): Promise<boolean> =>
    (await as.db.selectFrom('browser_sessions').selectAll().where('user_id', '=', ann.id).execute()).length > 0;
  const ended = () => as.events.filter(({ action }) => action === 'login.ended');
  return { as, ann, browser, endpoint, isSignedIn, ended };
}

/** A client that may send people back to `BYE`, and the ID token that it got for whoever is signed in. */
async function connected(base: string, browser: Browser) {
  const clientId = await register(base, { redirect_uris: REDIRECTS, post_logout_redirect_uris: [BYE] });
  const { exchange } = await authorize(browser, { clientId, more: { scope: 'openid mcp' } });
  const { body } = await post(`${base}/oauth/token`, exchange);
  assert.ok(body.id_token);
  return { clientId, idToken: body.id_token as string };
}

const query = (fields: Record<string, string>): string => `?${new URLSearchParams(fields)}`;

test('whoever has the ID token of who is signed in signs them out at once, and they go where the client registered', async (t) => {
  const { as, ann, browser, endpoint, isSignedIn, ended } = await start(t);
  const { idToken } = await connected(as.url, browser);
  const asked = query({ id_token_hint: idToken, post_logout_redirect_uri: BYE, state: 's 1' });
  const done = await browser.open(endpoint + asked);
  assert.equal(done.url, 'https://app.example/bye?from=toolgate&state=s+1');
  assert.equal(await isSignedIn(), false);
  assert.deepEqual(
    ended().map(({ principalId, reason }) => ({ principalId, reason })),
    [{ principalId: ann.id, reason: 'client_logout' }],
  );
  // Again, with nobody there: on to the client all the same.
  assert.equal((await browser.open(endpoint + asked)).url, done.url);
  const { body } = await json(`${as.url}/.well-known/openid-configuration`);
  assert.equal(body.end_session_endpoint, as.url + endpoint);
});

test('without it the person is asked, on a page that no other site can answer', async (t) => {
  const { as, browser, endpoint, isSignedIn } = await start(t);
  const { clientId } = await connected(as.url, browser);
  const page = await browser.open(endpoint + query({ client_id: clientId, post_logout_redirect_uri: BYE }));
  assert.equal(page.status, 200);
  assert.match(page.text, /Sign out\?[\s\S]*<bdi>ann<\/bdi>[\s\S]*calls itself <bdi>A client<\/bdi>/);
  assert.match(page.headers.get('content-security-policy')!, /form-action 'self'/);
  assert.equal(await isSignedIn(), true);
  const forged = await browser.submit(
    { ...page, text: page.text.replace(/name="csrf" value="[^"]*"/, 'name="csrf" value="x"') },
    {
      decision: 'sign-out',
    },
  );
  assert.deepEqual([forged.status, await isSignedIn()], [403, true]);
  assert.equal((await browser.submit(page, { decision: 'stay' })).url, `${as.url}/sign-in`);
  assert.equal(await isSignedIn(), true);
  assert.equal((await browser.submit(page, { decision: 'sign-out' })).url, BYE);
  assert.equal(await isSignedIn(), false);
});

test('the ID token of somebody else signs nobody out unasked', async (t) => {
  const { as, browser, endpoint, isSignedIn } = await start(t);
  await as.addUser('ben');
  const other = new Browser(as.url);
  await other.open('/test/sign-in?name=ben');
  const { idToken } = await connected(as.url, other);
  const page = await browser.open(endpoint + query({ id_token_hint: idToken }));
  assert.match(page.text, /Sign out\?/);
  assert.equal(await isSignedIn(), true);
});

test('nobody is sent to where the client did not register, by any of the pages', async (t) => {
  const { as, browser, endpoint, isSignedIn } = await start(t);
  const { clientId, idToken } = await connected(as.url, browser);
  for (const uri of ['https://evil.example/', `${BYE}&more`, 'https://app.example/bye', 'javascript:alert(1)']) {
    const refused = await browser.open(endpoint + query({ id_token_hint: idToken, post_logout_redirect_uri: uri }));
    assert.deepEqual([refused.status, new URL(refused.url).origin], [400, as.url], uri);
    assert.match(refused.text, /Signing out cannot go on/);
    const named = query({ client_id: clientId, post_logout_redirect_uri: uri });
    assert.equal((await browser.open(`${endpoint}/done${named}`)).url, `${as.url}/signed-out`, uri);
  }
  assert.equal(await isSignedIn(), true);
  // Without a client nothing is registered.
  const page = await browser.open(endpoint + query({ post_logout_redirect_uri: BYE }));
  assert.equal((await browser.submit(page, { decision: 'sign-out' })).url, `${as.url}/signed-out`);
  const unfit = { redirect_uris: REDIRECTS, post_logout_redirect_uris: ['http://evil.example/'] };
  assert.equal((await postJson(`${as.url}/oauth/register`, unfit)).status, 400);
});

test('a form of another site is asked again as a link, and the path of the issuer is kept', async (t) => {
  const { as, endpoint } = await start(t, '/t1');
  const answer = await fetch(as.url + endpoint, {
    method: 'POST',
    body: new URLSearchParams({ client_id: 'x', state: 'y', extra: 'z' }),
    redirect: 'manual',
  });
  assert.deepEqual([answer.status, answer.headers.get('location')], [303, '/t1/oauth/end-session?client_id=x&state=y']);
  const { body } = await json(`${as.url}/.well-known/openid-configuration`);
  assert.equal(body.end_session_endpoint, as.url + endpoint);
});
