/** The company's identity provider signs somebody out here (OpenID Connect Back-Channel Logout 1.0). */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { decodeJwt, UnsecuredJWT } from 'jose';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { listBrowserSessions } from '../../src/store/browser-sessions.ts';
import { insertOauthGrant } from '../../src/store/oauth-grants.ts';
import { findUserByName } from '../../src/store/users.ts';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import type { Browser } from '../oauth-browser.ts';
import { providerSettings, type SignInSite, startSignInSite } from '../sign-in-site.ts';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const tenantId = DEFAULT_TENANT;

describe('signing out from the identity provider', () => {
  let site: SignInSite;
  let idp: FakeIdentityProvider;
  let count = 0;
  before(async () => {
    site = await startSignInSite();
    idp = await startIdentityProvider([`${site.url}/sign-in/callback/corp`]);
  });
  after(async () => {
    await idp.close();
    await site.close();
  });
  beforeEach(() => {
    configure({});
    count++;
    idp.person = { sub: `sub-${count}`, email: `ann-${count}@example.org`, email_verified: true, name: 'Ann' };
    idp.tamper = undefined;
    idp.intercept = undefined;
    site.events.length = 0;
    site.endedGrants.length = 0;
  });

  function configure(more: Record<string, unknown>): void {
    const { issuer, clientId, clientSecret } = idp;
    site.settings = {
      localAccounts: true,
      identityProviders: [providerSettings({ name: 'corp', issuer, clientId, clientSecret, ...more })],
    };
  }

  /** Signs in as the person in a new browser, in the session of the provider that is called so. */
  async function signIn(sid: string): Promise<Browser> {
    idp.tamper = async (answer) => ({ ...answer, id_token: await idp.sign({ ...decodeJwt(answer.id_token), sid }) });
    const browser = site.newBrowser();
    const { status, text } = await browser.follow('/sign-in/corp?return_to=/oauth/interaction/x');
    assert.equal(status, 200, text);
    return browser;
  }
  const isSignedIn = async (browser: Browser): Promise<boolean> =>
    JSON.parse((await browser.get('/oauth/interaction/x')).text).user !== null;
  const userOf = async () => (await findUserByName(site.db, { tenantId, name: String(idp.person.email) }))!;

  const claims = (more: Record<string, unknown>) => {
    const iat = Math.floor(site.now() / 1000);
    return {
      iss: idp.issuer,
      aud: idp.clientId,
      iat,
      exp: iat + 120,
      jti: randomUUID(),
      events: { [EVENT]: {} },
      ...more,
    };
  };
  const send = (token: string, provider = 'corp') =>
    fetch(`${site.url}/sign-in/${provider}/backchannel-logout`, {
      method: 'POST',
      body: new URLSearchParams({ logout_token: token }),
    });
  const logout = async (more: Record<string, unknown>, typ?: string) =>
    send(await idp.sign(claims(more), typ === undefined ? {} : { typ }));

  test('the session that it names ends, and no other of the person', async () => {
    const [here, there] = [await signIn(`a-${count}`), await signIn(`b-${count}`)];
    const answer = await logout({ sid: `a-${count}`, sub: idp.person.sub }, 'logout+jwt');
    assert.deepEqual([answer.status, answer.headers.get('cache-control')], [200, 'no-store']);
    assert.deepEqual([await isSignedIn(here), await isSignedIn(there)], [false, true]);
    const event = site.events.at(-1)!;
    assert.deepEqual([event.action, event.reason], ['login.ended', 'provider_logout']);
    assert.equal(event.principalId, (await userOf()).id);
  });

  test('a person alone means all their sessions that began there, and nobody else’s', async () => {
    const mine = [await signIn(`a-${count}`), await signIn(`b-${count}`)];
    const me = idp.person;
    idp.person = { ...me, sub: `other-${count}`, email: `other-${count}@example.org` };
    const other = await signIn(`c-${count}`);
    idp.person = me;
    const local = await userOf();
    assert.equal((await logout({ sub: me.sub })).status, 200);
    assert.deepEqual(await Promise.all([...mine, other].map(isSignedIn)), [false, false, true]);
    assert.deepEqual(await listBrowserSessions(site.db, { tenantId, userId: local.id }), []);
    assert.equal((await logout({ sub: 'nobody-here' })).status, 200, 'nothing to end is no error');
  });

  test('what was allowed to clients goes on, unless the operator wants it to end with the session', async () => {
    await signIn(`a-${count}`);
    const { id: userId } = await userOf();
    const grantIn = async (provider: string | null, providerSession: string | null) => {
      const id = `grt_${randomUUID()}`;
      await insertOauthGrant(site.db, {
        ...{ tenantId, id, clientId: 'cli_1', clientName: 'A client', resource: 'http://x/mcp', scopes: ['mcp'] },
        principal: { kind: 'user', id: userId },
        payload: { provider, providerSession },
        ...{ address: '', createdAt: 1, expiresAt: null },
      });
      return id;
    };
    const [first, second, local] = [
      await grantIn('corp', `a-${count}`),
      await grantIn('corp', `b-${count}`),
      await grantIn(null, null),
    ];
    await logout({ sid: `a-${count}`, sub: idp.person.sub });
    assert.deepEqual(site.endedGrants, []);
    configure({ logoutEndsGrants: true });
    await logout({ sid: `a-${count}`, sub: idp.person.sub });
    assert.deepEqual(site.endedGrants.splice(0), [first], 'though the session is over already');
    await logout({ sub: idp.person.sub });
    assert.deepEqual(
      [second, local].map((id) => site.endedGrants.some((ended) => ended === id)),
      [true, false],
    );
  });

  test('only what is a logout token of the provider, for us and now, signs anybody out', async () => {
    const browser = await signIn(`a-${count}`);
    const subject = { sub: idp.person.sub };
    const now = Math.floor(site.now() / 1000);
    const refused: [string, Record<string, unknown>][] = [
      ['of another issuer', { ...subject, iss: 'https://elsewhere.example' }],
      ['for another client', { ...subject, aud: 'another' }],
      ['an ID token', { ...subject, events: undefined }],
      ['an ID token with events', { ...subject, nonce: 'n' }],
      ['another event', { ...subject, events: { 'http://example/event': {} } }],
      ['an event that is no object', { ...subject, events: { [EVENT]: true } }],
      ['about nobody', {}],
      ['without an id', { ...subject, jti: undefined }],
      ['without a time', { ...subject, iat: undefined }],
      ['expired', { ...subject, exp: now - 120 }],
      ['old', { ...subject, iat: now - 600, exp: now + 600 }],
      ['of the future', { ...subject, iat: now + 600, exp: now + 900 }],
    ];
    for (const [what, more] of refused) {
      const answer = await logout(more);
      assert.equal(answer.status, 400, what);
      assert.equal(((await answer.json()) as { error: string }).error, 'invalid_request', what);
    }
    assert.equal((await logout(subject, 'at+jwt')).status, 400, 'an access token');
    assert.equal((await send(new UnsecuredJWT(claims(subject)).encode())).status, 400, 'unsigned');
    assert.equal((await send('nonsense')).status, 400);
    assert.equal((await send('')).status, 400);
    const tampered = await idp.sign(claims({ sub: 'somebody' }));
    const [head, , signature] = tampered.split('.');
    const body = Buffer.from(JSON.stringify(claims(subject))).toString('base64url');
    assert.equal((await send(`${head}.${body}.${signature}`)).status, 400, 'another body');
    assert.equal((await send(tampered, 'unknown')).status, 404);
    assert.equal(await isSignedIn(browser), true);
    const event = site.events.at(-1)!;
    assert.deepEqual([event.action, event.reason], ['idp.failed', 'logout_token']);
  });

  test('a logout token counts once', async () => {
    const token = await idp.sign(claims({ sub: idp.person.sub }));
    await signIn(`a-${count}`);
    assert.equal((await send(token)).status, 200);
    const browser = await signIn(`b-${count}`);
    assert.equal((await send(token)).status, 400);
    assert.equal(await isSignedIn(browser), true);
  });

  test('keys that cannot be had for a while are no refusal: it may come again', async () => {
    configure({});
    idp.intercept = (_request, response) => {
      response.writeHead(500).end();
      return true;
    };
    assert.equal((await logout({ sub: 'anybody' })).status, 503);
  });
});
