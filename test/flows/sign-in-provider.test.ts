import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { findAccessKey } from '../../src/store/access-keys.ts';
import { listGroupsOfUser } from '../../src/store/group-members.ts';
import { assignRole, rolesOfSubject } from '../../src/store/role-assignments.ts';
import { findUserByName, updateUser } from '../../src/store/users.ts';
import { type CreatedKey, createKey } from '../../src/tokens/create-key.ts';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import type { Browser } from '../oauth-browser.ts';
import { providerSettings, type SignInSite, startSignInSite } from '../sign-in-site.ts';

const RETURN_TO = '/oauth/interaction/x';
const tenantId = DEFAULT_TENANT;

describe('signing in with an identity provider', () => {
  let site: SignInSite;
  let idp: FakeIdentityProvider;
  let subject = 0;
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
    subject++;
    idp.person = { sub: `sub-${subject}`, email: `ann-${subject}@example.org`, email_verified: true, name: 'Ann' };
    idp.thin = false;
    idp.tamper = undefined;
    idp.intercept = undefined;
    idp.requests.length = 0;
    site.events.length = 0;
  });

  function configure(more: Record<string, unknown>): void {
    const { issuer, clientId, clientSecret } = idp;
    const corp = providerSettings({ name: 'corp', title: 'Corp', issuer, clientId, clientSecret, ...more });
    site.settings = { localAccounts: true, identityProviders: [corp] };
  }

  const signIn = (browser: Browser) => browser.follow(`/sign-in/corp?return_to=${RETURN_TO}`);
  const whoIs = async (browser: Browser): Promise<string | null> =>
    (JSON.parse((await browser.get(RETURN_TO)).text) as { user: string | null }).user;
  const lastReason = (): string | undefined => site.events.at(-1)?.reason;
  const userNamed = async (name: unknown) => (await findUserByName(site.db, { tenantId, name: String(name) }))!;

  test('somebody new gets an account, and comes back to it under another address', async () => {
    const browser = site.newBrowser();
    const { url, status } = await signIn(browser);
    assert.deepEqual([status, url], [200, `${site.url}${RETURN_TO}`]);
    const name = `ann-${subject}@example.org`;
    assert.equal(await whoIs(browser), name);
    assert.deepEqual(
      site.events.map(({ action }) => action),
      ['account.created', 'login.ok'],
    );
    idp.person.email = 'married@example.org';
    await signIn(browser);
    assert.equal(await whoIs(browser), name, 'issuer and subject decide');
    assert.deepEqual(
      site.events.map(({ action }) => action),
      ['account.created', 'login.ok', 'login.ok'],
    );
  });

  test('without a verified address the account is named by issuer and subject', async () => {
    idp.person.email_verified = false;
    const browser = site.newBrowser();
    await signIn(browser);
    assert.equal(await whoIs(browser), `${idp.issuer}#sub-${subject}`);
  });

  test('claims give roles and groups, and take back what they gave', async () => {
    const rules = [
      { claim: 'groups', equals: 'eng', roles: ['engineer', 'reader'], groups: ['Engineering'] },
      { claim: 'realm_access.roles', matches: 'mcp-*', roles: ['reader'] },
    ];
    configure({ rules });
    idp.person.groups = ['staff', 'eng'];
    idp.person.realm_access = { roles: ['mcp-user'] };
    await signIn(site.newBrowser());
    const user = await userNamed(idp.person.email);
    const rights = async () => ({
      roles: await rolesOfSubject(site.db, { tenantId, subject: { kind: 'user', id: user.id } }),
      groups: (await listGroupsOfUser(site.db, { tenantId, userId: user.id, limit: 9 })).items.map(({ name }) => name),
    });
    assert.deepEqual(await rights(), { roles: ['engineer', 'reader'], groups: ['Engineering'] });
    assert.deepEqual(site.changedUsers.splice(0), [user.id]);
    await assignRole(site.db, { tenantId, role: 'by-hand', subject: { kind: 'user', id: user.id } });
    await signIn(site.newBrowser());
    assert.deepEqual(site.changedUsers, [], 'nothing changed');
    idp.person.groups = ['staff'];
    await signIn(site.newBrowser());
    assert.deepEqual(await rights(), { roles: ['by-hand', 'reader'], groups: [] });
    idp.person.realm_access = undefined;
    await signIn(site.newBrowser());
    assert.deepEqual(await rights(), { roles: ['by-hand'], groups: [] });
  });

  test('claims that make somebody an owner end the key that an admin had made for them', async () => {
    await signIn(site.newBrowser());
    const user = await userNamed(idp.person.email);
    const owner = { kind: 'user', id: user.id } as const;
    const keyBy = (id: string, level: 'admin' | 'owner') =>
      createKey(site.db, { tenantId, owner, name: level, expiresAt: null, maker: { id, level } });
    const [admins, owners] = [await keyBy('usr_admin', 'admin'), await keyBy('local-operator', 'owner')];
    configure({ rules: [{ claim: 'groups', equals: 'board', roles: ['owner'] }] });
    idp.person.groups = ['board'];
    site.events.length = 0;
    await signIn(site.newBrowser());
    const revokedAt = async ({ key }: CreatedKey) => (await findAccessKey(site.db, key))?.revokedAt;
    assert.ok(await revokedAt(admins));
    assert.equal(await revokedAt(owners), null);
    assert.deepEqual(site.endedKeys.splice(0), [admins.key.id]);
    const event = site.events.find(({ action }) => action === 'key.revoke');
    assert.equal(event?.reason, 'made_by_lesser_standing');
  });

  test('claims that are only at the UserInfo endpoint count', async () => {
    idp.thin = true;
    idp.person.groups = ['eng'];
    configure({ rules: [{ claim: 'groups', equals: 'eng', roles: ['engineer'] }], domains: ['example.org'] });
    await signIn(site.newBrowser());
    const user = await userNamed(idp.person.email);
    assert.deepEqual(await rolesOfSubject(site.db, { tenantId, subject: { kind: 'user', id: user.id } }), ['engineer']);
  });

  test('a disabled user stays outside', async () => {
    await signIn(site.newBrowser());
    const user = await userNamed(idp.person.email);
    await updateUser(site.db, user, user.version, { status: 'disabled' });
    const browser = site.newBrowser();
    const refused = await signIn(browser);
    assert.equal(refused.status, 403);
    assert.match(refused.text, /Your account here is disabled/);
    assert.equal(await whoIs(browser), null);
    assert.equal(lastReason(), 'account_disabled');
  });

  test('where accounts are not made, nobody new comes in', async () => {
    configure({ createAccounts: false });
    assert.equal((await signIn(site.newBrowser())).status, 403);
    assert.equal(lastReason(), 'no_account');
    assert.equal(await findUserByName(site.db, { tenantId, name: String(idp.person.email) }), null);
  });

  test('two sign-ins of a new person at the same time make one account', async () => {
    const browsers = Array.from({ length: 8 }, () => site.newBrowser());
    await Promise.all(browsers.map(signIn));
    assert.deepEqual(new Set(await Promise.all(browsers.map(whoIs))), new Set([idp.person.email]));
    assert.equal(site.events.filter(({ action }) => action === 'account.created').length, 1);
  });

  test('the provider and the person may say no', async () => {
    idp.intercept = (request, response) => {
      const url = new URL(request.url!, idp.issuer);
      if (url.pathname !== '/auth') return false;
      const back = new URL(url.searchParams.get('redirect_uri')!);
      back.search = String(
        new URLSearchParams({
          error: 'access_denied',
          error_description: '<b>call +1 555 0100</b>',
          state: url.searchParams.get('state')!,
          iss: idp.issuer,
        }),
      );
      response.writeHead(303, { location: back.href }).end();
      return true;
    };
    const refused = await signIn(site.newBrowser());
    assert.equal(refused.status, 403);
    assert.doesNotMatch(refused.text, /555/);
    assert.equal(lastReason(), 'sign_in_refused');
  });

  test('a provider that is down is a page that says so, and nothing else', async () => {
    const browser = site.newBrowser();
    idp.intercept = (_request, response) => {
      response.destroy();
      return true;
    };
    configure({});
    const failed = await signIn(browser);
    assert.equal(failed.status, 502);
    assert.match(failed.text, /identity_provider_failed/);
    assert.doesNotMatch(failed.text, /127\.0\.0\.1:/);
    idp.intercept = undefined;
    assert.equal((await signIn(browser)).status, 200, 'as soon as it is back');
    idp.intercept = (request, response) => {
      if (!request.url!.startsWith('/token')) return false;
      response.writeHead(503).end('down');
      return true;
    };
    assert.equal((await signIn(browser)).status, 502);
    assert.equal(site.events.at(-1)?.action, 'idp.failed');
  });

  test('keys that rotate while somebody is at the provider are found', async () => {
    await signIn(site.newBrowser());
    const browser = site.newBrowser();
    const { url } = await browser.follow(`/sign-in/corp?return_to=${RETURN_TO}`, `${site.url}/sign-in/callback`);
    idp.rotateKeys();
    assert.equal((await browser.get(url)).location, RETURN_TO);
    idp.requests.length = 0;
    await signIn(browser);
    assert.ok(!idp.requests.includes('GET /jwks'), 'and kept');
  });

  test('signing out leads to the provider with the ID token, and back', async () => {
    const browser = site.newBrowser();
    await signIn(browser);
    const { csrf } = await browser.get('/sign-in');
    const stored = JSON.stringify(await site.db.selectFrom('browser_sessions').selectAll().execute());
    const out = await browser.post('/sign-out', { csrf });
    assert.equal(await whoIs(browser), null);
    const onwards = new URL(out.onwards!);
    assert.equal(onwards.origin, new URL(idp.issuer).origin);
    assert.equal(onwards.searchParams.get('post_logout_redirect_uri'), `${site.url}/signed-out`);
    const [, payload] = onwards.searchParams.get('id_token_hint')!.split('.');
    assert.ok(payload !== undefined && !stored.includes(payload), 'the ID token is not stored in the clear');
    assert.equal((await browser.get(out.onwards!)).status, 200);
    assert.equal((await browser.get('/signed-out')).status, 200);
  });

  test('a test login shows what the provider tells and changes nothing', async () => {
    configure({
      domains: ['example.org'],
      rules: [
        { claim: 'groups', equals: 'eng', roles: ['engineer'] },
        { claim: 'groups', matches: 'admin*', roles: ['owner'] },
      ],
    });
    idp.person.groups = ['eng'];
    const { token, url } = await site.signIn.beginTestLogin('corp');
    assert.equal(await site.signIn.testLoginResult(token), 'waiting');
    const browser = site.newBrowser();
    assert.match((await browser.follow(url)).text, /The test is complete/);
    assert.equal(await whoIs(browser), null);
    assert.equal(await findUserByName(site.db, { tenantId, name: String(idp.person.email) }), null);
    const report = await site.signIn.testLoginResult(token);
    if (typeof report === 'string') assert.fail(report);
    assert.deepEqual([report.subject, report.email, report.refusal], [`sub-${subject}`, idp.person.email, null]);
    assert.deepEqual(
      report.rules.map(({ test, values, matched, roles }) => [test, values, matched, roles]),
      [
        ['equals eng', ['eng'], true, ['engineer']],
        ['matches admin*', ['eng'], false, []],
      ],
    );
    assert.equal(await site.signIn.testLoginResult('x'.repeat(43)), 'unknown');
    assert.equal((await browser.follow(url)).status, 400, 'once');
  });

  test('checking a provider finds what is wrong with it', async () => {
    const failed = async () =>
      (await site.signIn.checkProvider('corp')).filter(({ ok }) => !ok).map(({ step }) => step);
    assert.deepEqual(await failed(), []);
    configure({ clientSecret: 'not the secret' });
    assert.deepEqual(await failed(), ['client']);
    configure({ issuer: `${idp.issuer}/other` });
    assert.deepEqual(await failed(), ['metadata']);
    configure({ preset: 'google' });
    assert.deepEqual(await failed(), ['issuer']);
    configure({});
    idp.intercept = (request, response) => {
      if (request.url !== '/jwks') return false;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"keys":[]}');
      return true;
    };
    assert.deepEqual(await failed(), ['keys']);
  });

  test('with one provider and no local accounts there is nothing to choose', async () => {
    site.settings = { ...site.settings, localAccounts: false };
    const browser = site.newBrowser();
    const answer = await browser.get(`/sign-in?return_to=${RETURN_TO}&prompt=login`);
    assert.equal(answer.location, `/sign-in/corp?return_to=${encodeURIComponent(RETURN_TO)}&prompt=login`);
    const away = new URL((await browser.get(answer.location!)).location!);
    assert.equal(away.searchParams.get('prompt'), 'login');
    assert.equal(away.searchParams.get('code_challenge_method'), 'S256');
    assert.ok(away.searchParams.get('nonce'));
  });
});
