/** Access tokens that Keycloak itself issued, at the resource server; and what happens when Keycloak is away. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { openBrowser } from '../browser/open-browser.ts';
import { type Reply, textOf } from '../mcp-client.ts';
import { json, post } from '../oauth-client.ts';
import { type AcmeGateway, RULES, startAcmeGateway } from './acme-gateway.ts';
import { AUDIENCE, CLIENT_ID } from './acme-realm.ts';
import { fillKeycloakLogin, signInWithKeycloak } from './desktop-client.ts';
import { missingForKeycloak } from './install-keycloak.ts';
import { type Keycloak, startKeycloak } from './keycloak.ts';
import { type ReferenceTokens, startReferenceTokens } from './reference-tokens.ts';

/** Longer than the gateway leaves between two looks at the keys of an issuer. */
const COOLDOWN_MS = 40_000;

const refusalOf = ({ status, message }: Reply) => [status, message.error?.data?.code];

describe('tokens of Keycloak', { skip: (await missingForKeycloak()) ?? false }, () => {
  let keycloak: Keycloak;
  let references: ReferenceTokens;
  let gateway: AcmeGateway;
  let browser: Browser;
  before(async () => {
    keycloak = await startKeycloak();
    references = await startReferenceTokens(`${keycloak.issuer}/protocol/openid-connect/token/introspect`);
    gateway = await startGateway();
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await gateway?.close();
    await references?.close();
    await keycloak?.close();
  });

  const startGateway = (): Promise<AcmeGateway> =>
    startAcmeGateway(keycloak.issuer, {
      tokenIssuers: [
        {
          issuer: keycloak.issuer,
          audiences: { [AUDIENCE]: '/mcp' },
          introspection: {
            endpoint: references.endpoint,
            clientId: CLIENT_ID,
            clientSecret: '${env:KEYCLOAK_SECRET}',
          },
          createAccounts: true,
          rules: RULES,
        },
      ],
    });
  const accessToken = async (username: string, clientId = 'agent') =>
    (await keycloak.tokens(clientId, username)).access_token;
  const newPage = async () => (await browser.newContext()).newPage();

  test('the metadata names Keycloak, and its token calls what its claims give', async () => {
    const metadata = await json(`${gateway.url}/.well-known/oauth-protected-resource/mcp`);
    assert.deepEqual(metadata.body.authorization_servers, [gateway.url, keycloak.issuer]);
    const token = await accessToken('ann');
    assert.deepEqual(await gateway.tools(token), ['fake__echo']);
    assert.equal(textOf(await gateway.call(token, 'echo')), 'hi');
    assert.deepEqual((await gateway.tools(await accessToken('bob'))).sort(), ['fake__echo', 'fake__late']);
    const { body } = await gateway.admin('GET', '/audit/events?action=tool.call');
    assert.equal(body.items[0].principalName, 'ann@acme.example');
    assert.equal(body.items[0].agentName, 'agent');
  });

  test('the person is the same one who signs in with the browser', async () => {
    await gateway.call(await accessToken('tim'), 'echo');
    const page = await newPage();
    const own = await signInWithKeycloak(page, gateway.url, 'tim');
    assert.equal(textOf(await gateway.call(own.access_token, 'echo')), 'hi');
    const { body } = await gateway.admin('GET', '/users');
    assert.equal(body.items.filter(({ name }: { name: string }) => name === 'tim@acme.example').length, 1);
  });

  test('what is for somebody else, or is no access token, is refused', async () => {
    const tokens = await keycloak.tokens('agent', 'ann');
    assert.deepEqual(refusalOf(await gateway.call(await accessToken('ann', 'without-audience'), 'echo')), [
      401,
      'token_audience',
    ]);
    assert.deepEqual(refusalOf(await gateway.call(tokens.id_token, 'echo')), [401, 'credential_invalid']);
    assert.deepEqual(refusalOf(await gateway.call(tokens.refresh_token, 'echo')), [401, 'credential_invalid']);
    const [header, payload, signature] = tokens.access_token.split('.');
    const claims = JSON.parse(Buffer.from(payload!, 'base64url').toString());
    const forged = Buffer.from(JSON.stringify({ ...claims, groups: ['writers'] })).toString('base64url');
    assert.deepEqual(refusalOf(await gateway.call(`${header}.${forged}.${signature}`, 'late')), [
      401,
      'credential_invalid',
    ]);
    const eve = await gateway.call(await accessToken('eve'), 'echo');
    assert.deepEqual(refusalOf(eve), [401, 'credential_invalid'], 'the domains of the provider hold here, too');
  });

  test('a scope of Keycloak narrows what may be called, and without one nothing may be', async () => {
    const reading = await accessToken('bob', 'reading-agent');
    assert.equal(textOf(await gateway.call(reading, 'echo')), 'hi');
    assert.deepEqual(refusalOf(await gateway.call(reading, 'late')), [403, 'insufficient_scope']);
    const without = await gateway.call(await accessToken('bob', 'without-scope'), 'echo');
    assert.equal(without.status, 403);
    assert.match(String(without.headers['www-authenticate']), /error="insufficient_scope".* scope="mcp"/);
  });

  test('a new signing key refuses no good token: neither those of the old key nor those of the new one', async () => {
    const used = await accessToken('ann');
    await gateway.call(used, 'echo');
    const unused = await accessToken('ann');
    const kid = await keycloak.admin.rotateKeys();
    const fresh = await accessToken('ann');
    assert.equal(JSON.parse(Buffer.from(fresh.split('.')[0]!, 'base64url').toString()).kid, kid);
    for (const token of [used, unused]) assert.equal((await gateway.call(token, 'echo')).status, 200);
    // The keys are not read again at once; until then the answer is to try again, and never that the token is bad.
    const until = performance.now() + COOLDOWN_MS;
    let answer = await gateway.call(fresh, 'echo');
    while (answer.status !== 200 && performance.now() < until) {
      assert.deepEqual(refusalOf(answer), [503, 'token_issuer_unavailable']);
      await sleep(1000);
      answer = await gateway.call(fresh, 'echo');
    }
    assert.equal(textOf(answer), 'hi');
  });

  test('tokens that are no JWT are introspected at Keycloak', async () => {
    const reference = references.referenceTo(await accessToken('ann'));
    assert.deepEqual(await gateway.tools(reference), ['fake__echo']);
    assert.equal(textOf(await gateway.call(reference, 'echo')), 'hi');
    const foreign = references.referenceTo(await accessToken('ann', 'without-audience'));
    assert.deepEqual(refusalOf(await gateway.call(foreign, 'echo')), [401, 'token_audience']);
    assert.deepEqual(refusalOf(await gateway.call('never-issued', 'echo')), [401, 'credential_invalid']);
    const ofDan = references.referenceTo(await accessToken('dan'));
    await keycloak.admin.setEnabled('dan', false);
    assert.deepEqual(refusalOf(await gateway.call(ofDan, 'echo')), [401, 'credential_invalid'], 'Keycloak says no');
  });

  test('without Keycloak everybody who is in goes on; new logins are told, and work when it is back', async () => {
    const page = await newPage();
    const own = await signInWithKeycloak(page, gateway.url, 'cat');
    const used = await accessToken('cat');
    await gateway.call(used, 'echo');
    const unused = await accessToken('cat');
    const reference = references.referenceTo(await accessToken('cat'));

    // It goes away while somebody comes back from there with a code.
    const other = await newPage();
    await other.route('**/login-actions/authenticate**', async (route) => {
      const response = await route.fetch({ maxRedirects: 0 });
      await keycloak.stop();
      await route.fulfill({ response });
    });
    await other.goto(`${gateway.url}/sign-in/keycloak`);
    await fillKeycloakLogin(other, 'bob');
    await other.getByRole('heading', { name: 'The identity provider could not be used' }).waitFor();
    await other.getByText('Try again in a minute').waitFor();
    await other.unrouteAll();

    for (const token of [own.access_token, used, unused]) {
      assert.equal(textOf(await gateway.call(token, 'echo')), 'hi');
    }
    const [, payload] = own.access_token.split('.');
    const { client_id: clientId } = JSON.parse(Buffer.from(payload!, 'base64url').toString());
    const fields = { grant_type: 'refresh_token', client_id: clientId, refresh_token: own.refresh_token };
    const refreshed = await post(`${gateway.url}/oauth/token`, fields);
    assert.equal(refreshed.status, 200, JSON.stringify(refreshed.body));
    assert.deepEqual(refusalOf(await gateway.call(reference, 'echo')), [503, 'token_issuer_unavailable']);

    // One that is started meanwhile knows nothing about it yet.
    const late = await startGateway();
    try {
      const response = await other.goto(`${late.url}/sign-in/keycloak`);
      assert.equal(response!.status(), 502);
      await other.getByRole('heading', { name: 'The identity provider could not be used' }).waitFor();

      await keycloak.start();
      for (const { url } of [gateway, late]) {
        const person = await newPage();
        const again = await signInWithKeycloak(person, url, 'bob');
        const { call } = url === late.url ? late : gateway;
        assert.equal((await call(again.access_token, 'late')).status, 200);
      }
      assert.equal(textOf(await gateway.call(reference, 'echo')), 'hi');
    } finally {
      await late.close();
    }
  });
});
