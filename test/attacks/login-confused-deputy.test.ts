import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import type { Browser } from '../oauth-browser.ts';
import { providerSettings, type SignInSite, startSignInSite } from '../sign-in-site.ts';

const RETURN_TO = '/oauth/interaction/x';

describe('the way back from an identity provider', () => {
  let site: SignInSite;
  let idp: FakeIdentityProvider;
  let other: FakeIdentityProvider;
  before(async () => {
    site = await startSignInSite();
    const callbacks = ['corp', 'other'].map((name) => `${site.url}/sign-in/callback/${name}`);
    idp = await startIdentityProvider(callbacks);
    other = await startIdentityProvider(callbacks);
    const settingsOf = (name: string, { issuer, clientId, clientSecret }: FakeIdentityProvider) =>
      providerSettings({ name, issuer, clientId, clientSecret });
    site.settings = {
      localAccounts: true,
      identityProviders: [settingsOf('corp', idp), settingsOf('other', other)],
    };
  });
  after(async () => {
    await Promise.all([idp.close(), other.close()]);
    await site.close();
  });
  afterEach(() => {
    idp.tamper = undefined;
  });

  /** The URL that the provider sends the browser back to, unused. */
  const captured = async (browser: Browser): Promise<string> =>
    (await browser.follow(`/sign-in/corp?return_to=${RETURN_TO}`, `${site.url}/sign-in/callback`)).url;
  const isSignedIn = async (browser: Browser): Promise<boolean> =>
    (JSON.parse((await browser.get(RETURN_TO)).text) as { user: unknown }).user !== null;

  async function assertRefused(browser: Browser, url: string, status: number, what: string): Promise<void> {
    const answer = await browser.get(url);
    assert.equal(answer.status, status, what);
    assert.equal(answer.location, null, what);
    assert.equal(await isSignedIn(browser), false, what);
  }

  test('an URL that an attacker captured opens nothing in the browser of a victim', async () => {
    const attacker = site.newBrowser();
    const url = await captured(attacker);
    await assertRefused(site.newBrowser(), url, 400, 'a browser without a cookie');
    const victim = site.newBrowser();
    await captured(victim);
    await assertRefused(victim, url, 400, 'a browser that is signing in itself');
    assert.equal(site.events.at(-1)?.reason, 'state_unknown');
    // The victim's attempt has not used it up, so nobody can disturb the sign-ins of others either.
    assert.equal((await attacker.get(url)).location, RETURN_TO);
  });

  test('it works once, also when it is opened many times at once', async () => {
    const browser = site.newBrowser();
    const url = await captured(browser);
    const answers = await Promise.all(Array.from({ length: 20 }, () => browser.get(url)));
    assert.deepEqual(
      answers.map(({ status }) => status).sort(),
      [303, ...Array.from({ length: 19 }, () => 400)].sort(),
    );
  });

  test('it ends after ten minutes', async () => {
    const browser = site.newBrowser();
    const url = await captured(browser);
    site.later(600_001);
    await assertRefused(browser, url, 400, 'late');
  });

  test('an answer for one provider is none for another', async () => {
    const browser = site.newBrowser();
    const url = await captured(browser);
    await assertRefused(browser, url.replace('/callback/corp', '/callback/other'), 400, 'another path');
    assert.equal((await browser.get(url)).location, RETURN_TO, 'and did not use it up');
  });

  test('an answer that names another issuer, or none, is refused (RFC 9207)', async () => {
    for (const iss of [other.issuer, `${idp.issuer}/`, '', null]) {
      const browser = site.newBrowser();
      const url = new URL(await captured(browser));
      assert.equal(url.searchParams.get('iss'), idp.issuer);
      if (iss === null) url.searchParams.delete('iss');
      else url.searchParams.set('iss', iss);
      idp.requests.length = 0;
      await assertRefused(browser, url.href, 502, String(iss));
      assert.ok(!idp.requests.includes('POST /token'), 'the code went nowhere');
    }
  });

  test('a code of another sign-in is refused', async () => {
    const attacker = new URL(await captured(site.newBrowser()));
    const browser = site.newBrowser();
    const url = new URL(await captured(browser));
    url.searchParams.set('code', attacker.searchParams.get('code')!);
    await assertRefused(browser, url.href, 502, 'PKCE');
  });

  test('parameters that stand twice are refused', async () => {
    const browser = site.newBrowser();
    const url = await captured(browser);
    await assertRefused(browser, `${url}&state=x`, 400, 'state');
    const next = await captured(browser);
    await assertRefused(browser, `${next}&code=x`, 502, 'code');
  });

  test('an ID token that is forged, old, or for somebody else is refused', async () => {
    const claimsOf = (idToken: string): Record<string, unknown> =>
      JSON.parse(Buffer.from(idToken.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
    const forgeries: Record<string, (claims: Record<string, unknown>, good: string) => Promise<string>> = {
      'another nonce': (claims) => idp.sign({ ...claims, nonce: 'other' }),
      'no nonce': ({ nonce: _, ...claims }) => idp.sign(claims),
      'another audience': (claims) => idp.sign({ ...claims, aud: 'another-client' }),
      'another issuer': (claims) => idp.sign({ ...claims, iss: other.issuer }),
      expired: (claims) => idp.sign({ ...claims, exp: Math.floor(Date.now() / 1000) - 61 }),
      'no subject': ({ sub: _, ...claims }) => idp.sign(claims),
      'a subject of control characters': (claims) => idp.sign({ ...claims, sub: 'a\u0000b' }),
      'a key of another provider': (claims) => other.sign(claims),
      'no signature': async (claims) =>
        `${encode({ alg: 'none' })}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`,
      'signed with the client secret': (claims) =>
        new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(idp.clientSecret)),
      'a changed claim': async (claims, good) => {
        const [header, , signature] = good.split('.');
        return `${header}.${encode({ ...claims, sub: 'admin' })}.${signature}`;
      },
    };
    for (const [name, forge] of Object.entries(forgeries)) {
      idp.tamper = async (answer) => ({ ...answer, id_token: await forge(claimsOf(answer.id_token), answer.id_token) });
      const browser = site.newBrowser();
      const answer = await browser.get(await captured(browser));
      assert.ok(answer.status === 502 || answer.status === 403, `${name}: ${answer.status}`);
      assert.equal(await isSignedIn(browser), false, name);
    }
  });
});

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
