import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { putPassword } from '../../src/store/local-credentials.ts';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import { cheapHash, providerSettings, type SignInSite, startSignInSite } from '../sign-in-site.ts';

/** Ways to write another origin, or a place that acts when it is opened. */
const HOSTILE = [
  'https://evil.example/',
  'http:evil.example',
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '/oauth/\\..\\..//evil.example',
  '/oauth/../sign-out',
  '/oauth/..//evil.example',
  '/oauth/%2e%2e/api/v1/users',
  '/oauth/%2e%2e%2fapi',
  '/.//evil.example',
  '/@evil.example',
  'javascript:alert(1)',
  'data:text/html,x',
  '/sign-out',
  '/setup/token',
  '/mcp',
  '/api/v1/whoami',
  '/oauth',
  'oauth/x',
  '?return_to=//evil.example',
  '/oauth/x\r\nLocation: //evil.example',
  `/oauth/${'x'.repeat(5000)}`,
  '/oauth/é',
  '',
];

describe('where people are sent after signing in', () => {
  let site: SignInSite;
  let idp: FakeIdentityProvider;
  before(async () => {
    site = await startSignInSite();
    idp = await startIdentityProvider([`${site.url}/sign-in/callback/corp`]);
    const { issuer, clientId, clientSecret } = idp;
    site.settings = {
      localAccounts: true,
      identityProviders: [providerSettings({ name: 'corp', issuer, clientId, clientSecret })],
    };
    const { tenantId, id: userId } = await site.newUser('ann');
    await putPassword(site.db, { tenantId, userId }, cheapHash('a password for ann'), site.now());
  });
  after(async () => {
    await idp.close();
    await site.close();
  });

  test('the sign-in page keeps only paths of ours', async () => {
    for (const evil of HOSTILE) {
      const page = await site.newBrowser().get(`/sign-in?return_to=${encodeURIComponent(evil)}`);
      assert.match(page.text, /name="return_to" value="\/"/, evil);
    }
    const page = await site.newBrowser().get('/sign-in?return_to=/oauth/interaction/x%3Fa=b');
    assert.match(page.text, /name="return_to" value="\/oauth\/interaction\/x\?a=b"/);
  });

  test('the form cannot bring another one back in', async () => {
    for (const evil of HOSTILE) {
      const browser = site.newBrowser();
      const { csrf } = await browser.get('/sign-in');
      const form = { csrf, login: 'ann', password: 'a password for ann', return_to: evil };
      const answer = await browser.post('/sign-in', form);
      assert.deepEqual([answer.status, answer.location, answer.onwards], [303, '/sign-in', null], evil);
    }
  });

  test('neither can the way through an identity provider', async () => {
    for (const evil of HOSTILE) {
      const browser = site.newBrowser();
      const { url } = await browser.follow(
        `/sign-in/corp?return_to=${encodeURIComponent(evil)}`,
        `${site.url}/sign-in/callback`,
      );
      assert.equal((await browser.get(url)).location, '/sign-in', evil);
    }
  });

  test('repeated parameters are no way around it', async () => {
    const page = await site.newBrowser().get('/sign-in?return_to=/oauth/x&return_to=//evil.example');
    assert.match(page.text, /name="return_to" value="\/"/);
  });
});
