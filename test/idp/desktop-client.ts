import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { authorizeUrl, newPkce, post, register } from '../oauth-client.ts';
import { CLIENT_TITLE, PASSWORD } from './acme-realm.ts';

/** A program on the person's machine that signs them in with their browser, as an MCP client does. */
export interface DesktopClient {
  /** Where the browser begins. */
  readonly url: string;
  /** Waits until the browser comes back, and redeems the code. */
  tokens(): Promise<{ access_token: string; refresh_token: string }>;
  close(): Promise<void>;
}

/** Registers at the gateway and listens on a loopback port for the answer. */
export async function startDesktopClient(gatewayUrl: string): Promise<DesktopClient> {
  const { verifier, challenge } = newPkce();
  const listener = createServer((request, response) => {
    const answer = new URL(request.url!, redirectUri);
    if (answer.pathname === '/callback') listener.emit('answer', answer.searchParams);
    response.end('You can close this page.');
  }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const redirectUri = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/callback`;
  const clientId = await register(gatewayUrl, { client_name: CLIENT_TITLE, redirect_uris: [redirectUri] });
  const answered = once(listener, 'answer') as Promise<[URLSearchParams]>;
  return {
    url: authorizeUrl(gatewayUrl, { clientId, redirectUri, challenge }),
    async tokens() {
      const [answer] = await answered;
      assert.equal(answer.get('state'), 'the-state', String(answer));
      const { status, body } = await post(`${gatewayUrl}/oauth/token`, {
        grant_type: 'authorization_code',
        client_id: clientId,
        code: answer.get('code')!,
        code_verifier: verifier,
        redirect_uri: redirectUri,
      });
      assert.equal(status, 200, JSON.stringify(body));
      return body;
    },
    async close() {
      listener.closeAllConnections();
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** Keycloak's own login page. */
export async function fillKeycloakLogin(page: Page, username: string, password = PASSWORD): Promise<void> {
  await page.locator('#kc-login').waitFor();
  await page.locator('#username').fill(username);
  await page.locator('#password').fill(password);
  await page.locator('#kc-login').click();
}

/** From the client to the gateway, to Keycloak, back, and to the consent. */
export async function signInWithKeycloak(page: Page, gatewayUrl: string, username: string) {
  const client = await startDesktopClient(gatewayUrl);
  try {
    await page.goto(client.url);
    await page.getByRole('link', { name: 'Continue with Acme' }).click();
    await fillKeycloakLogin(page, username);
    await page.getByRole('button', { name: 'Allow' }).click();
    return await client.tokens();
  } finally {
    await client.close();
  }
}
