import assert from 'node:assert/strict';
import { type FakeOauthProvider, type OauthProviderOptions, startOauthProvider } from './fakes/oauth-provider.ts';
import { type FakeOauthUpstream, startOauthUpstream } from './fakes/upstream-oauth.ts';
import { startToolgate, type TestGateway } from './harness.ts';
import { modernClient, textOf } from './mcp-client.ts';
import { Browser, type PageAnswer } from './oauth-browser.ts';

const PASSWORD = 'correct horse battery staple';

/** Somebody with a key, and a browser in which they are signed in. */
export interface ConnectingPerson {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly browser: Browser;
}

/**
 * The real gateway in front of one MCP server that wants tokens of one provider. It is declared four times: `docs` and
 * `wiki`, where everybody has an account of their own, `team`, which shares one, and `closed`, which no role but the owner's
 * reaches.
 */
export interface ConnectSite extends AsyncDisposable {
  readonly gateway: TestGateway;
  readonly provider: FakeOauthProvider;
  readonly upstream: FakeOauthUpstream;
  /** With the role `member`, which reaches all but `closed`, unless others are given. */
  newPerson(name: string, roles?: readonly string[]): Promise<ConnectingPerson>;
  /** The hidden fields of the first form of a page, with `csrf`. */
  fieldsOf(page: PageAnswer): Record<string, string>;
  /** Says yes on the page at this path; the URL at the provider. */
  begin(person: ConnectingPerson, path: string): Promise<string>;
  /** The same, and back from the provider, where `account` agrees; the URL of the callback, which is not opened. */
  callbackFor(person: ConnectingPerson, path: string, account?: string): Promise<string>;
  /** All of it; the page at the end. */
  connect(person: ConnectingPerson, path: string, account?: string): Promise<PageAnswer & { readonly url: string }>;
  /** Whose account a call of theirs is made with; null when it is not connected. */
  accountOf(person: ConnectingPerson, upstream: string): Promise<string | null>;
  connections(query?: string): Promise<{ upstream: string; owner: { kind: string; id: string }; account: string }[]>;
  /** Records of an action, newest first. */
  recorded(action: string): Promise<Record<string, unknown>[]>;
}

export async function startConnectSite(options: OauthProviderOptions = {}): Promise<ConnectSite> {
  // With `openid` it says whose account it is.
  const scopes = ['mcp:read', 'openid'];
  const provider = await startOauthProvider({ scopes, ...options });
  const upstream = await startOauthUpstream(provider, { scopesSupported: scopes });
  const entry = (name: string, owner: 'user' | 'shared') => ({
    name,
    url: upstream.url,
    auth: { oauth: { owner, reach: 'loopback' } },
  });
  const gateway = await startToolgate({
    config: {
      upstreams: [entry('docs', 'user'), entry('wiki', 'user'), entry('team', 'shared'), entry('closed', 'user')],
      roles: [{ name: 'member', allow: ['docs', 'wiki', 'team'].map((name) => ({ upstream: name })) }],
    },
    ready: [],
  });

  const site: ConnectSite = {
    gateway,
    provider,
    upstream,
    async newPerson(name, roles = ['member']) {
      const { body: user } = await gateway.admin('POST', '/users', { name });
      const owner = { kind: 'user', id: user.id };
      for (const role of roles) {
        const { status } = await gateway.admin('POST', '/role-assignments', { role, subject: owner });
        assert.equal(status, 201, role);
      }
      const { body: issued } = await gateway.admin('POST', '/access-keys', { owner, name: `key of ${name}` });
      const { body: link } = await gateway.admin('POST', `/users/${user.id}/setup-links`, {});
      const browser = new Browser(gateway.url);
      const { csrf } = await browser.get(link.url);
      const done = await browser.post(link.url, { csrf, password: PASSWORD, password_again: PASSWORD });
      assert.ok(done.status < 400, done.text);
      return { id: user.id, name, key: issued.key, browser };
    },
    fieldsOf({ text }) {
      const form = /<form[\s\S]*?<\/form>/.exec(text)?.[0] ?? '';
      const fields = [...form.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
      return Object.fromEntries(fields.map(([, name, value]) => [name!, value!]));
    },
    async begin({ browser }, path) {
      const page = await browser.get(path);
      assert.equal(page.status, 200, page.text);
      const action = /<form method="post" action="([^"]+)"/.exec(page.text)?.[1];
      assert.ok(action, page.text);
      const onwards = await browser.post(action, site.fieldsOf(page));
      assert.ok(onwards.onwards, onwards.text);
      return onwards.onwards;
    },
    async callbackFor(person, path, account = `${person.name}@provider.example`) {
      const url = await site.begin(person, path);
      provider.approve = account;
      const { location } = await person.browser.get(url);
      assert.ok(location);
      return location;
    },
    async connect(person, path, account) {
      return person.browser.follow(await site.callbackFor(person, path, account));
    },
    async accountOf({ key }, name) {
      const client = modernClient(`${gateway.url}/mcp/${name}`, key);
      const reply = await client.request('tools/call', { name: 'whoami', arguments: {} });
      return reply.message.error !== undefined || reply.message.result.isError ? null : textOf(reply);
    },
    async connections(query = '') {
      const { status, body } = await gateway.admin('GET', `/connections${query}`);
      assert.equal(status, 200, JSON.stringify(body));
      return body.items;
    },
    async recorded(action) {
      const { body } = await gateway.admin('GET', `/audit/events?action=${action}`);
      return body.items;
    },
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await upstream.close();
      await provider.close();
    },
  };
  return site;
}
