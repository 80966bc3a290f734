/** Upstreams that the official SDKs guard with their own bearer middleware, and the official clients before the gateway. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { type BearerUpstream, type SdkLine, startBearerUpstream } from '../bearer-upstream.ts';
import { type ConnectingPerson, type ConnectSite, startConnectSite } from '../connect-site.ts';

const SCOPES = ['mcp:read', 'mcp:write', 'openid'];

interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
}

interface SdkClient {
  call(tool: string): Promise<ToolAnswer>;
  close(): Promise<void>;
}

const CONNECT: Readonly<Record<SdkLine, (url: URL, key: string) => Promise<SdkClient>>> = {
  async v1(url, key) {
    const client = new ClientV1({ name: 'sdk-v1', version: '1' });
    await client.connect(new TransportV1(url, requestInit(key)) as Parameters<ClientV1['connect']>[0]);
    return { call: async (name) => read(await client.callTool({ name, arguments: {} })), close: () => client.close() };
  },
  async v2(url, key) {
    const client = new ClientV2(
      { name: 'sdk-v2', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    await client.connect(new TransportV2(url, requestInit(key)));
    return { call: async (name) => read(await client.callTool({ name, arguments: {} })), close: () => client.close() };
  },
};

const requestInit = (key: string) => ({ requestInit: { headers: { authorization: `Bearer ${key}` } } });
const read = (result: object): ToolAnswer => {
  const { content, isError = false } = result as { content: { text: string }[]; isError?: boolean };
  return { text: content[0]!.text, isError };
};

for (const line of ['v1', 'v2'] as const) {
  describe(`an upstream of the official SDK ${line}`, { timeout: 120_000 }, () => {
    let site: ConnectSite;
    let upstream: BearerUpstream;
    const name = `sdk-${line}`;

    before(async () => {
      site = await startConnectSite({ scopes: SCOPES, accessTokenSeconds: 2 });
      const { issuer } = site.provider;
      const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
      upstream = await startBearerUpstream(line, {
        metadata: metadata as Record<string, unknown>,
        requiredScopes: ['mcp:read', 'openid'],
        verify: async (token, resource) => {
          const found = site.provider.token(token);
          if (found === undefined || !found.grant.resources.has(resource)) return null;
          const { account, clientId } = found.grant;
          return { account, clientId, scopes: found.scopes, expiresAt: Math.ceil(found.expiresAt! / 1000) };
        },
      });
      const auth = { kind: 'oauth-per-user', oauth: { reach: 'loopback' } };
      const { status, body } = await site.gateway.admin('POST', '/upstreams', { name, url: upstream.url, auth });
      assert.equal(status, 201, JSON.stringify(body));
    });
    after(async () => {
      await site?.[Symbol.asyncDispose]();
      await upstream?.close();
    });

    const newPerson = (who: string) => site.newPerson(`${line}-${who}`, ['full-access']);
    const clientOf = ({ key }: ConnectingPerson) => CONNECT[line](new URL(`${site.gateway.url}/mcp/${name}`), key);
    const connect = (person: ConnectingPerson) => site.connect(person, `/connect/${name}`);

    test('is discovered from the challenge of its middleware alone, which asks for what it needs', async () => {
      const { body } = await site.gateway.admin('POST', `/upstreams/${name}/test`);
      const provider = body.stages.find(({ stage }: { stage: string }) => stage === 'provider');
      assert.equal(provider.ok, true, JSON.stringify(body));
      assert.match(provider.detail, /one that it registered itself/);
      const person = await newPerson('first');
      const page = await person.browser.get(`/connect/${name}`);
      assert.match(page.text, /<code>mcp:read openid<\/code>/);
    });

    test('hands whoever is not connected the link, and takes their calls afterwards', async () => {
      const person = await newPerson('second');
      const client = await clientOf(person);
      try {
        const asked = await client.call('connect');
        assert.equal(asked.isError, true);
        const link = /http\S+/.exec(asked.text)![0];
        const done = await site.connect(person, link.slice(site.gateway.url.length));
        assert.match(done.text, /is connected/);
        assert.deepEqual(await client.call('whoami'), { text: `${person.name}@provider.example`, isError: false });
      } finally {
        await client.close();
      }
    });

    test('fails no call of two people while their tokens end again and again, and mixes nobody up', async () => {
      const people = [await newPerson('ann'), await newPerson('bob')];
      for (const person of people) await connect(person);
      const seen = upstream.tokens.size;
      const { invalidGrants } = site.provider.stats;
      const until = performance.now() + 6_000;
      const counts = await Promise.all(
        people.map(async (person) => {
          const client = await clientOf(person);
          let calls = 0;
          try {
            for (; performance.now() < until; calls++) {
              const answer = await client.call('whoami');
              assert.deepEqual(answer, { text: `${person.name}@provider.example`, isError: false });
              await sleep(20);
            }
          } finally {
            await client.close();
          }
          return calls;
        }),
      );
      assert.ok(
        counts.every((calls) => calls > 20),
        String(counts),
      );
      assert.ok(upstream.tokens.size - seen >= 6, `${upstream.tokens.size - seen} tokens`);
      assert.equal(site.provider.stats.invalidGrants, invalidGrants);
    });

    test('refuses a token before its time, and the call goes through with the next one', async () => {
      const person = await newPerson('cal');
      await connect(person);
      const client = await clientOf(person);
      try {
        await client.call('whoami');
        const refused = upstream.refusals[401] ?? 0;
        site.provider.expireAccessTokens();
        assert.equal((await client.call('whoami')).text, `${person.name}@provider.example`);
        assert.ok((upstream.refusals[401] ?? 0) > refused, 'the middleware said no in between');
      } finally {
        await client.close();
      }
    });

    test('wants one more scope for one tool: the person agrees once more, and keeps what they had', async () => {
      const person = await newPerson('dan');
      await connect(person);
      const client = await clientOf(person);
      try {
        const asked = await client.call('write');
        assert.equal(asked.isError, true);
        assert.match(asked.text, /asks for more permissions/);
        assert.equal(upstream.refusals[403], 1);
        assert.equal((await client.call('whoami')).isError, false, 'what they had still works');
        const link = /http\S+/.exec(asked.text)![0];
        await site.connect(person, link.slice(site.gateway.url.length));
        assert.deepEqual(await client.call('write'), { text: `${person.name}@provider.example wrote`, isError: false });
        const [connection] = (await site.connections(`?principal=${person.id}`)) as unknown as { scopes: string[] }[];
        assert.deepEqual([...connection!.scopes].sort(), SCOPES);
      } finally {
        await client.close();
      }
    });

    test('is told nothing of a person whose grant the provider ended, who is handed a link', async () => {
      const person = await newPerson('eve');
      await connect(person);
      const client = await clientOf(person);
      try {
        assert.equal((await client.call('whoami')).isError, false);
        site.provider.revokeGrant(`${person.name}@provider.example`);
        const calls = upstream.accounts.length;
        const refused = await client.call('whoami');
        assert.equal(refused.isError, true);
        assert.match(refused.text, /has to be made again.*\/connect\//s);
        assert.equal(upstream.accounts.length, calls);
        await connect(person);
        assert.equal((await client.call('whoami')).isError, false);
      } finally {
        await client.close();
      }
    });
  });
}
