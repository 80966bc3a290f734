import assert from 'node:assert/strict';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type BearerToken, type BearerUpstream, startBearerUpstream } from '../bearer-upstream.ts';
import { openBrowser } from '../browser/open-browser.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient, type Reply } from '../mcp-client.ts';
import { addPerson, PASSWORD as GATEWAY_PASSWORD } from '../sign-in.ts';
import {
  accountsRealm,
  accountsScopes,
  GATEWAY_CLIENT,
  INTROSPECTING_CLIENT,
  PEOPLES_CLIENT,
  READ_SCOPE,
  SERVER_CLIENT,
} from './accounts-realm.ts';
import { fillKeycloakLogin } from './desktop-client.ts';
import { type Keycloak, startKeycloak } from './keycloak.ts';

/** Somebody with a key for their agent, a browser of their own, and an account of the same name at Keycloak. */
export interface AccountHolder {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly page: Page;
}

/** Keycloak as the provider of MCP servers that the official SDKs guard, and the gateway before them. */
export interface AccountsSite {
  readonly keycloak: Keycloak;
  /** Built with SDK v1; asks Keycloak about each token (RFC 7662), so that it knows at once what has ended. */
  readonly asking: BearerUpstream;
  /** Built with SDK v2; checks signatures with the keys of Keycloak, and believes a token until it ends. */
  readonly checking: BearerUpstream;
  readonly gateway: TestGateway;
  newPerson(username: string): Promise<AccountHolder>;
  call(person: Pick<AccountHolder, 'key'>, upstream: string, tool?: string): Promise<Reply>;
  /** Opens the link, says yes on the gateway's page, signs in at Keycloak where it asks, and waits for the page at the end. */
  connect(person: AccountHolder, link: string): Promise<void>;
  close(): Promise<void>;
}

export interface AccountsSiteOptions {
  /** More of them, by what the URLs of the two servers are. */
  readonly upstreams: (urls: { issuer: string; asking: string; checking: string }) => readonly object[];
  readonly clients?: readonly object[];
  readonly env?: Readonly<Record<string, string>>;
  readonly features?: readonly string[];
}

export async function startAccountsSite(options: AccountsSiteOptions): Promise<AccountsSite> {
  const { clients = [], env = {}, features = [] } = options;
  const opened: { close(): Promise<unknown> }[] = [];
  const close = async (): Promise<void> => {
    for (const each of opened.reverse()) await each.close();
  };
  const closing = <T extends { close(): Promise<unknown> }>(started: T): T => {
    opened.push(started);
    return started;
  };
  try {
    const keycloak = closing(
      await startKeycloak({ realm: accountsRealm(), clientScopes: [], clients: [INTROSPECTING_CLIENT], features }),
    );
    const { issuer, admin } = keycloak;
    const metadata = await metadataOf(issuer);
    const asking = closing(await startBearerUpstream('v1', { metadata, verify: byIntrospection(issuer) }));
    const checking = closing(await startBearerUpstream('v2', { metadata, verify: byKeys(issuer) }));
    for (const scope of accountsScopes([asking.url, checking.url])) {
      await admin.addClientScope(scope);
      await admin.offerScope(scope.name);
    }
    for (const client of [PEOPLES_CLIENT, ...clients]) await admin.addClient(client);
    const gateway = closing(
      await startToolgate({
        config: { upstreams: options.upstreams({ issuer, asking: asking.url, checking: checking.url }) },
        env: { KEYCLOAK_SECRET: GATEWAY_CLIENT.secret, ...env },
        ready: [],
      }),
    );
    const browser = closing(await openBrowser());
    return { keycloak, asking, checking, gateway, ...peopleOf(gateway, browser), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function peopleOf(gateway: TestGateway, browser: Browser) {
  return {
    async newPerson(username: string): Promise<AccountHolder> {
      const { id, name } = await addPerson(gateway, `${username}@example.com`, ['full-access']);
      const owner = { kind: 'user', id };
      const { body } = await gateway.admin('POST', '/access-keys', { owner, name: `agent of ${username}` });
      const profile: BrowserContext = await browser.newContext();
      return { id, name, key: body.key, page: await profile.newPage() };
    },
    call: ({ key }: Pick<AccountHolder, 'key'>, upstream: string, tool = 'whoami') =>
      modernClient(`${gateway.url}/mcp/${upstream}`, key).request('tools/call', { name: tool, arguments: {} }),
    async connect({ page, name }: AccountHolder, link: string): Promise<void> {
      const username = name.split('@')[0]!;
      await page.goto(link);
      const agree = page.getByRole('button', { name: 'Continue', exact: true });
      const signIn = page.getByLabel('Password');
      await agree.or(signIn).first().waitFor();
      if (await signIn.isVisible()) {
        await page.locator('input[name=login]').fill(name);
        await signIn.fill(GATEWAY_PASSWORD);
        await page.locator('form button.primary').click();
      }
      await agree.click();
      const end = page.getByRole('heading', { name: 'is connected' });
      const failed = page.getByRole('heading', { name: 'could not be connected' });
      const login = page.locator('#username');
      const consent = page.locator('[name=accept]');
      for (;;) {
        const known = end.or(failed).or(login).or(consent).first();
        await known.waitFor({ timeout: 10_000 }).catch(() => {});
        if (await end.isVisible()) return;
        if ((await failed.isVisible()) || !(await known.isVisible())) {
          assert.fail(`${page.url()}: ${await page.locator('body').innerText()}`);
        }
        if (await login.isVisible()) await fillKeycloakLogin(page, username);
        else await consent.click();
        await page.waitForLoadState();
      }
    },
  };
}

async function metadataOf(issuer: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`${issuer}/.well-known/openid-configuration`);
  assert.equal(answer.status, 200);
  return (await answer.json()) as Record<string, unknown>;
}

interface Claims {
  readonly aud?: string | string[];
  readonly azp?: string;
  readonly preferred_username?: string;
  readonly scope?: string;
  readonly exp?: number;
}

const tokenOf = ({ azp = '', preferred_username: account = '', scope = '', exp = 0 }: Claims): BearerToken => ({
  account,
  clientId: azp,
  scopes: scope.split(' '),
  expiresAt: exp,
});

/** RFC 7662: what Keycloak says at this moment. */
function byIntrospection(issuer: string) {
  const basic = Buffer.from(`${SERVER_CLIENT.id}:${SERVER_CLIENT.secret}`).toString('base64');
  return async (token: string, resource: string): Promise<BearerToken | null> => {
    const answer = await fetch(`${issuer}/protocol/openid-connect/token/introspect`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams({ token }),
    });
    if (!answer.ok) throw new Error(`Keycloak answers ${answer.status} to an introspection.`);
    const found = (await answer.json()) as Claims & { active: boolean };
    return found.active && [found.aud].flat().includes(resource) ? tokenOf(found) : null;
  };
}

/** By the published keys, as most servers do it. */
function byKeys(issuer: string) {
  const keys = createRemoteJWKSet(new URL(`${issuer}/protocol/openid-connect/certs`));
  return async (token: string, resource: string): Promise<BearerToken | null> => {
    try {
      const { payload } = await jwtVerify(token, keys, { issuer, audience: resource });
      return tokenOf(payload as Claims);
    } catch {
      return null;
    }
  };
}

/** Of a connection of the gateway's own client, in toolgate.yaml. */
export const byHand = (issuer: string, more: object = {}) => ({
  preset: 'keycloak',
  issuer,
  clientId: GATEWAY_CLIENT.id,
  clientSecret: '${env:KEYCLOAK_SECRET}',
  reach: 'loopback',
  ...more,
});

/** The link in an answer that says that an account is missing. */
export function linkIn({ message }: Reply): string {
  assert.equal(message.result?.isError, true, JSON.stringify(message));
  const { text } = message.result.content[0];
  const link = /http\S+/.exec(text)?.[0];
  assert.ok(link, text);
  return link;
}

export const SCOPES_WITH_ACCOUNT = ['openid', 'email', READ_SCOPE];
