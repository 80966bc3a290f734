import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startAuthorizationServer, type TestAuthorizationServer } from '../../../test/authorization-server.ts';
import { Browser } from '../../../test/oauth-browser.ts';
import { authorizeUrl, json, register } from '../../../test/oauth-client.ts';
import type { SafeFetchAnswer } from '../../lib/safe-fetch.ts';
import { isAppScheme } from './app-schemes.ts';
import { type ClientIdentity, WELL_KNOWN_CLIENTS } from './well-known-clients.ts';

const PUBLIC = {
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

/** The documents as their hosts serve them, without the hosts. */
async function documentAt(address: string | URL): Promise<SafeFetchAnswer> {
  const url = String(address);
  const client = WELL_KNOWN_CLIENTS.find(({ document }) => document?.url === url)!;
  const { redirectUris, metadata } = client.document!;
  const document = { ...PUBLIC, client_id: url, client_name: client.name, redirect_uris: redirectUris, ...metadata };
  return { status: 200, headers: new Headers(), text: JSON.stringify(document) };
}

let as: TestAuthorizationServer;
let browser: Browser;
before(async () => {
  as = await startAuthorizationServer({ options: { fetch: documentAt } });
  await as.addUser('ann');
  browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
});
after(() => as.close());

/** The consent page that the client's request leads to. */
async function asksForConsent(clientId: string, redirectUri: string): Promise<string> {
  const page = await browser.open(authorizeUrl(as.url, { clientId, redirectUri }));
  assert.equal(page.status, 200, page.text);
  assert.match(page.text, /<h1>Allow access\?<\/h1>/);
  return page.text;
}

for (const client of WELL_KNOWN_CLIENTS) {
  const { name, document, registration } = client;
  if (document !== undefined) {
    test(`${name} is let in by its document, under the host of it`, async () => {
      const page = await asksForConsent(document.url, document.sends);
      assert.ok(page.includes(`<p class="who"><bdi>${new URL(document.url).host}</bdi></p>`));
      assertWarns(page, document);
    });
  }
  if (registration !== undefined) {
    test(`${name} registers with all its redirects and is let in, as unverified`, async () => {
      const metadata = { ...PUBLIC, client_name: name, ...registration.metadata };
      const clientId = await register(as.url, { ...metadata, redirect_uris: registration.redirectUris });
      for (const uri of new Set([...registration.redirectUris, registration.sends])) {
        assert.match(await asksForConsent(clientId, uri), /An unverified program/, uri);
      }
      assertWarns(await asksForConsent(clientId, registration.sends), registration);
    });
  }
}

function assertWarns(page: string, { sends }: ClientIdentity): void {
  const { protocol, host } = new URL(sends);
  assert.equal(page.includes('A program on this computer'), protocol === 'http:');
  assert.ok(page.includes(`<bdi>${host}</bdi>`), host);
}

test('the metadata says what these clients look for before they use their document', async () => {
  const { body } = await json(`${as.url}/.well-known/oauth-authorization-server`);
  assert.equal(body.client_id_metadata_document_supported, true);
  assert.equal(body.authorization_response_iss_parameter_supported, true);
  for (const method of ['none', 'private_key_jwt'])
    assert.ok(body.token_endpoint_auth_methods_supported.includes(method));
  assert.ok(body.token_endpoint_auth_signing_alg_values_supported.includes('RS256'));
});

test('every scheme that a client is sent back by is known', () => {
  const uris = WELL_KNOWN_CLIENTS.flatMap(({ registration }) => registration?.redirectUris ?? []);
  const schemes = uris.map((uri) => new URL(uri).protocol).filter((scheme) => !/^https?:$/.test(scheme));
  assert.ok(schemes.length > 0);
  assert.ok(schemes.every(isAppScheme));
});
