import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createSetupLink } from '../../src/identity/create-setup-link.ts';
import { putPassword } from '../../src/store/local-credentials.ts';
import type { Browser, PageAnswer } from '../oauth-browser.ts';
import { cheapHash, type SignInSite, startSignInSite } from '../sign-in-site.ts';

const LOGIN = { login: 'ann', password: 'a password for ann', return_to: '/oauth/interaction/x' };
const EVIL = 'https://evil.example';

describe('forms that another site sends', () => {
  let site: SignInSite;
  before(async () => {
    site = await startSignInSite();
    const { tenantId, id: userId } = await site.newUser('ann');
    await putPassword(site.db, { tenantId, userId }, cheapHash(LOGIN.password), site.now());
  });
  after(() => site.close());

  const isSignedIn = async (browser: Browser): Promise<boolean> =>
    (JSON.parse((await browser.get('/oauth/interaction/x')).text) as { user: unknown }).user !== null;

  test('signing somebody in to another account needs a token of this very browser', async () => {
    const attacker = site.newBrowser();
    const stolen = await attacker.get('/sign-in');
    const victim = site.newBrowser();
    const own = await victim.get('/sign-in');
    const attempts: Record<string, () => Promise<PageAnswer>> = {
      'no token': () => victim.post('/sign-in', LOGIN),
      'the token of another browser': () => victim.post('/sign-in', { ...LOGIN, csrf: stolen.csrf }),
      'a longer token': () => victim.post('/sign-in', { ...LOGIN, csrf: `${own.csrf}x` }),
      'another origin': () => victim.post('/sign-in', { ...LOGIN, csrf: own.csrf }, { origin: EVIL }),
      'no origin at all': () => victim.post('/sign-in', { ...LOGIN, csrf: own.csrf }, { origin: 'null' }),
      'another port of the same machine': () =>
        victim.post('/sign-in', { ...LOGIN, csrf: own.csrf }, { origin: 'http://127.0.0.1:1' }),
      'a cross-site request': () =>
        victim.post('/sign-in', { ...LOGIN, csrf: own.csrf }, { 'sec-fetch-site': 'cross-site' }),
      'a same-site request': () =>
        victim.post('/sign-in', { ...LOGIN, csrf: own.csrf }, { 'sec-fetch-site': 'same-site' }),
      'no cookie': () => site.newBrowser().post('/sign-in', { ...LOGIN, csrf: own.csrf }),
    };
    for (const [name, attempt] of Object.entries(attempts)) {
      const answer = await attempt();
      assert.equal(answer.status, 403, name);
      assert.equal(await isSignedIn(victim), false, name);
    }
    assert.equal((await victim.post('/sign-in', { ...LOGIN, csrf: own.csrf })).status, 200);
    assert.equal(await isSignedIn(victim), true);
  });

  test('nobody is signed out from elsewhere', async () => {
    const victim = site.newBrowser();
    const own = await victim.get('/sign-in');
    await victim.post('/sign-in', { ...LOGIN, csrf: own.csrf });
    const { csrf } = await victim.get('/sign-in');
    await victim.post('/sign-out', { csrf }, { origin: EVIL });
    await victim.post('/sign-out', {});
    await victim.get('/sign-out');
    assert.equal(await isSignedIn(victim), true);
  });

  test('a setup link cannot be filled in from elsewhere', async () => {
    const user = await site.newUser('ben');
    const { token } = await createSetupLink(site.db, {
      userId: user.id,
      purpose: 'setup',
      maker: { id: 'usr_owner', level: 'owner' },
    });
    const path = `/setup/${token.reveal()}`;
    const password = 'a password of the attacker';
    const browser = site.newBrowser();
    const { csrf } = await browser.get(path);
    const form = { password, password_again: password };
    assert.equal((await browser.post(path, form)).status, 403);
    assert.equal((await browser.post(path, { ...form, csrf }, { origin: EVIL })).status, 403);
    assert.equal((await browser.get(path)).status, 200, 'the link is still good');
  });

  test('bodies that a form of another kind could carry are refused', async () => {
    const browser = site.newBrowser();
    const { csrf } = await browser.get('/sign-in');
    const fields = new URLSearchParams({ ...LOGIN, csrf });
    for (const type of ['text/plain', 'multipart/form-data; boundary=x', 'application/json']) {
      const answer = await fetch(`${site.url}/sign-in`, {
        method: 'POST',
        headers: { 'content-type': type, cookie: `toolgate_form=${browser.cookie('toolgate_form')}` },
        body: String(fields),
      });
      assert.equal(answer.status, 415, type);
      await answer.arrayBuffer();
    }
    const twice = new URLSearchParams({ ...LOGIN, csrf });
    twice.append('login', 'ben');
    const answer = await fetch(`${site.url}/sign-in`, { method: 'POST', body: twice });
    assert.equal(answer.status, 400);
    await answer.arrayBuffer();
  });

  test('pages cannot be framed, run nothing, send forms nowhere else and are kept by no cache', async () => {
    const { headers } = await site.newBrowser().get('/sign-in');
    const policy = headers.get('content-security-policy')!;
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.match(policy, /form-action 'self'/);
    assert.doesNotMatch(policy, /unsafe|script-src/);
    assert.equal(headers.get('cache-control'), 'no-store');
    for (const cookie of headers.getSetCookie()) assert.match(cookie, /; HttpOnly; SameSite=Lax/);
  });
});
