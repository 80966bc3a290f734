import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { DEFAULT_TENANT } from '../../src/model/principal.ts';
import { assignRole } from '../../src/store/role-assignments.ts';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import type { Browser } from '../oauth-browser.ts';
import { providerSettings, type SignInSite, startSignInSite } from '../sign-in-site.ts';

const RETURN_TO = '/oauth/interaction/x';

describe('e-mail addresses that a provider tells', () => {
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

  async function signIn(
    settings: Record<string, unknown>,
    claims: Record<string, unknown>,
  ): Promise<{ status: number; reason: string | undefined; user: string | null; browser: Browser }> {
    const { issuer, clientId, clientSecret } = idp;
    const provider = providerSettings({ name: 'corp', issuer, clientId, clientSecret, ...settings });
    site.settings = { localAccounts: true, identityProviders: [provider] };
    idp.person = { sub: `sub-${++count}`, name: 'Somebody', ...claims };
    const browser = site.newBrowser();
    const { status } = await browser.follow(`/sign-in/corp?return_to=${RETURN_TO}`);
    const { user } = JSON.parse((await browser.get(RETURN_TO)).text) as { user: string | null };
    return { status, reason: site.events.at(-1)?.reason, user, browser };
  }

  test('only verified addresses of exactly an allowed domain come in', async () => {
    const domains = ['corp.example'];
    const refused: [string, Record<string, unknown>][] = [
      ['two at signs', { email: 'a@evil.example@corp.example', email_verified: true }],
      ['two at signs, the other way', { email: 'a@corp.example@evil.example', email_verified: true }],
      ['a quoted at sign', { email: '"a@corp.example"@evil.example', email_verified: true }],
      ['a quoted local part', { email: '"a@evil.example"@corp.example', email_verified: true }],
      ['a subdomain', { email: 'a@sub.corp.example', email_verified: true }],
      ['a longer domain', { email: 'a@notcorp.example', email_verified: true }],
      ['a suffix', { email: 'a@corp.example.evil.example', email_verified: true }],
      ['a dot at the end', { email: 'a@corp.example.', email_verified: true }],
      ['a look-alike', { email: 'a@cоrp.example', email_verified: true }],
      ['a comment', { email: 'a@evil.example(@corp.example)', email_verified: true }],
      ['a line break', { email: 'a@evil.example\n@corp.example', email_verified: true }],
      ['a NUL', { email: 'a@corp.example\u0000.evil.example', email_verified: true }],
      ['a list', { email: ['a@corp.example'], email_verified: true }],
      ['an address literal', { email: 'a@[127.0.0.1]', email_verified: true }],
      ['not verified', { email: 'a@corp.example', email_verified: false }],
      ['not said to be verified', { email: 'a@corp.example' }],
      ['nearly verified', { email: 'a@corp.example', email_verified: 'yes' }],
      ['no address', { email_verified: true, upn: 'a@corp.example', preferred_username: 'a@corp.example' }],
    ];
    for (const [name, claims] of refused) {
      const { status, user, reason } = await signIn({ domains }, claims);
      assert.deepEqual([status, user], [403, null], name);
      assert.match(String(reason), /^(email_not_verified|domain_not_allowed)$/, name);
    }
    const good = await signIn({ domains: ['Corp.Example'] }, { email: 'Ann@CORP.example', email_verified: true });
    assert.equal(good.user, 'Ann@CORP.example');
  });

  test('Google has to name the organisation, too; Entra says in its own way what is verified', async () => {
    const google = { preset: 'google', domains: ['corp.example'] };
    const claims = { email: 'g1@corp.example', email_verified: true };
    assert.equal((await signIn(google, claims)).reason, 'domain_not_allowed');
    assert.equal((await signIn(google, { ...claims, hd: 'evil.example' })).reason, 'domain_not_allowed');
    assert.equal((await signIn(google, { ...claims, hd: 'corp.example' })).user, 'g1@corp.example');
    const entra = { preset: 'entra', domains: ['corp.example'] };
    const address = { email: 'e1@corp.example' };
    assert.equal((await signIn(entra, { ...address, email_verified: true })).reason, 'email_not_verified');
    assert.equal((await signIn(entra, { ...address, xms_edov: 0 })).reason, 'email_not_verified');
    assert.equal((await signIn(entra, { ...address, xms_edov: 1 })).user, 'e1@corp.example');
  });

  test('an address does not open an existing account', async () => {
    const owner = await site.newUser('owner@corp.example');
    await assignRole(site.db, { tenantId: DEFAULT_TENANT, role: 'owner', subject: { kind: 'user', id: owner.id } });
    const claims = { email: 'Owner@corp.example', email_verified: true };
    const attempts: [string, Record<string, unknown>][] = [
      ['by default', {}],
      ['an allowed domain is not an owned one', { domains: ['corp.example'] }],
      ['an owned domain that is another', { domains: ['other.example', 'evil.example'], linkByEmail: true }],
      ['no domain that is owned', { linkByEmail: true }],
    ];
    for (const [name, settings] of attempts) {
      const { status, user } = await signIn(settings, claims);
      assert.deepEqual([status, user], [403, null], name);
    }
    const trusted = { domains: ['corp.example'], linkByEmail: true };
    assert.equal((await signIn(trusted, { ...claims, email_verified: false })).user, null, 'not verified');
    assert.equal((await signIn(trusted, claims)).user, 'owner@corp.example');
    assert.equal(site.events.at(-2)?.action, 'account.linked');
  });

  test('an address that was given to another person does not bring the account along', async () => {
    const trusted = { domains: ['corp.example'], linkByEmail: true };
    const claims = { email: 'second-hand@corp.example', email_verified: true };
    assert.equal((await signIn(trusted, claims)).user, 'second-hand@corp.example');
    const successor = await signIn(trusted, claims);
    assert.deepEqual([successor.status, successor.user], [403, null]);
    assert.equal(successor.reason, 'account_of_other_subject');
  });

  test('the name that a provider tells is text, and the subject decides alone', async () => {
    const name = '<script>alert(1)</script>\u202eevil';
    const { browser } = await signIn({}, { email: 'x@corp.example', email_verified: true, name });
    const page = await browser.get('/sign-in');
    assert.doesNotMatch(page.text, /<script/);
    const sub = `${idp.issuer}#sub-1`;
    const stranger = await signIn({}, { sub, preferred_username: 'owner@corp.example', name: 'owner@corp.example' });
    assert.equal(stranger.user, `${idp.issuer}#${sub}`);
  });
});
