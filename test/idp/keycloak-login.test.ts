/** People of a company sign in through their Keycloak, with its own login page in a real browser. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { openBrowser } from '../browser/open-browser.ts';
import { textOf } from '../mcp-client.ts';
import { type AcmeGateway, acmeProvider, startAcmeGateway } from './acme-gateway.ts';
import { fillKeycloakLogin, signInWithKeycloak } from './desktop-client.ts';
import { missingForKeycloak } from './install-keycloak.ts';
import { type Keycloak, startKeycloak } from './keycloak.ts';

describe('signing in with Keycloak', { skip: (await missingForKeycloak()) ?? false }, () => {
  let keycloak: Keycloak;
  let gateway: AcmeGateway;
  let browser: Browser;
  before(async () => {
    keycloak = await startKeycloak();
    const provider = acmeProvider(keycloak.issuer);
    gateway = await startAcmeGateway(keycloak.issuer, {
      identityProviders: [
        provider,
        { ...provider, name: 'misconfigured', title: 'Wrong', clientSecret: 'not the secret' },
      ],
    });
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await gateway?.close();
    await keycloak?.close();
  });

  /** A page in a browser of its own, which nobody has signed in with. */
  async function withPage<T>(work: (page: Page) => Promise<T>): Promise<T> {
    const profile = await browser.newContext();
    try {
      return await work(await profile.newPage());
    } finally {
      await profile.close();
    }
  }
  const signIn = (username: string) => withPage((page) => signInWithKeycloak(page, gateway.url, username));
  const userNamed = async (name: string) =>
    (await gateway.admin('GET', '/users')).body.items.find((user: { name: string }) => user.name === name);
  const records = async (query: string) => (await gateway.admin('GET', `/audit/events?${query}`)).body.items;

  test('an MCP client ends up with a token that calls what the person’s group may call', async () => {
    const { access_token: token } = await signIn('ann');
    assert.deepEqual(await gateway.tools(token), ['fake__echo']);
    assert.equal(textOf(await gateway.call(token, 'echo')), 'hi');
    assert.equal((await gateway.call(token, 'late')).message.error.code, -32602);
    const ann = await userNamed('ann@acme.example');
    assert.equal(ann.displayName, 'Ann Example', 'the account was made from the claims');
    const [call] = await records('action=tool.call');
    assert.equal(call.principalId, ann.id);
    const [login] = await records('action=login.ok');
    assert.equal(login.principalId, ann.id);
    assert.equal(login.arguments.issuer, keycloak.issuer);
  });

  test('another group in Keycloak changes what the person may call, at their next sign-in and for earlier tokens', async () => {
    const { access_token: before } = await signIn('cat');
    assert.deepEqual(await gateway.tools(before), ['fake__echo']);
    await keycloak.admin.setGroups('cat', ['writers']);
    const { access_token: after } = await signIn('cat');
    assert.deepEqual((await gateway.tools(after)).sort(), ['fake__echo', 'fake__late']);
    assert.equal(textOf(await gateway.call(before, 'late')), textOf(await gateway.call(after, 'late')));
    await keycloak.admin.setGroups('cat', []);
    const { access_token: last } = await signIn('cat');
    assert.deepEqual(await gateway.tools(last), [], 'what the rules gave is taken away');
    assert.deepEqual(await gateway.tools(after), []);
  });

  test('roles of the realm are claims too, and rules can give groups', async () => {
    await signIn('bob');
    const { body } = await gateway.admin('GET', '/groups');
    const auditors = body.items.find(({ name }: { name: string }) => name === 'auditors');
    const members = await gateway.admin('GET', `/groups/${auditors.id}/members`);
    assert.deepEqual(
      members.body.items.map(({ name }: { name: string }) => name),
      ['bob@acme.example'],
    );
  });

  for (const [username, why, reason] of [
    ['eve', 'belongs to a domain from which nobody may sign in', 'domain_not_allowed'],
    ['mal', 'does not say that your e-mail address is verified', 'email_not_verified'],
  ] as const) {
    test(`somebody whom Keycloak knows is turned away, and gets no account: ${reason}`, async () => {
      await withPage(async (page) => {
        await page.goto(`${gateway.url}/sign-in/keycloak`);
        await fillKeycloakLogin(page, username);
        await page.getByText(why).waitFor();
      });
      assert.equal(await userNamed(`${username}@acme.example`), undefined);
      const [failed] = await records('action=login.failed');
      assert.equal(failed.reason, reason);
    });
  }

  test('signing out here signs out at Keycloak, and ends on the page of the gateway', async () => {
    await withPage(async (page) => {
      const onwards = async (): Promise<void> => {
        await page.goto(`${gateway.url}/sign-in`);
        await page.getByRole('link', { name: 'Continue with Acme' }).click();
      };
      await onwards();
      await fillKeycloakLogin(page, 'tim');
      await page.getByText('As tim@acme.example.').waitFor();
      assert.equal(await keycloak.admin.sessions('tim'), 1);
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(`${gateway.url}/signed-out**`);
      await page.getByRole('heading', { name: 'You are signed out' }).waitFor();
      assert.equal(await keycloak.admin.sessions('tim'), 0);
      await onwards();
      await page.locator('#kc-login').waitFor();
    });
  });

  test('somebody who was disabled in Keycloak cannot sign in, not even with a session that is open there', async () => {
    await withPage(async (page) => {
      await page.goto(`${gateway.url}/sign-in/keycloak`);
      await fillKeycloakLogin(page, 'dan');
      await page.getByText('As dan@acme.example.').waitFor();
      await keycloak.admin.setEnabled('dan', false);
      await page.goto(`${gateway.url}/sign-in/keycloak`);
      await fillKeycloakLogin(page, 'dan');
      await page.getByText('Account is disabled').waitFor();
    });
  });

  test('`toolgate idp test` sees what Keycloak accepts, and what each rule makes of a login', async () => {
    const { body: good } = await gateway.admin('POST', '/identity-providers/keycloak/test');
    assert.deepEqual(
      [good.ok, good.checks.map(({ step }: { step: string }) => step)],
      [true, ['issuer', 'metadata', 'keys', 'client', 'note']],
    );
    const { body: bad } = await gateway.admin('POST', '/identity-providers/misconfigured/test');
    assert.match(
      bad.checks.find(({ ok }: { ok: boolean }) => !ok).detail,
      /refuses the client id "toolgate" or its secret/,
    );
    const { body: begun } = await gateway.admin('POST', '/identity-providers/keycloak/test-logins');
    await withPage(async (page) => {
      await page.goto(begun.url);
      await fillKeycloakLogin(page, 'bob');
      await page.getByRole('heading', { name: 'The test is complete' }).waitFor();
    });
    const { body } = await gateway.admin('GET', `/identity-providers/test-logins/${begun.token}`);
    assert.equal(body.report.email, 'bob@acme.example');
    assert.deepEqual(
      body.report.rules.map(({ matched }: { matched: boolean }) => matched),
      [false, true, true],
    );
  });

  test('a new signing key of Keycloak fails nobody’s login', async () => {
    await signIn('ann');
    await keycloak.admin.rotateKeys();
    const { access_token: token } = await signIn('ann');
    assert.equal(textOf(await gateway.call(token, 'echo')), 'hi');
  });
});
