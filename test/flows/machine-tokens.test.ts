/** Upstreams whose tokens nobody has to connect: the whole way, with a provider that checks what the gateway says. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose';
import { type FakeIdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts';
import { type FakeOauthProvider, startOauthProvider } from '../fakes/oauth-provider.ts';
import { OauthError } from '../fakes/oauth-provider-grants.ts';
import { type FakeOauthUpstream, startOauthUpstream } from '../fakes/upstream-oauth.ts';
import { startToolgate, type TestGateway } from '../harness.ts';
import { listAll, modernClient, textOf } from '../mcp-client.ts';
import { Browser } from '../oauth-browser.ts';

const CLIENT = { client_id: 'toolgate', client_secret: 'secret-of-the-gateway' };
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

let provider: FakeOauthProvider;
let mcp: FakeOauthUpstream;
let corp: FakeIdentityProvider;
let gateway: TestGateway;
/** What the gateway presented about people. */
const presented: string[] = [];

before(async () => {
  provider = await startOauthProvider({ clients: [CLIENT] });
  takeGrants();
  mcp = await startOauthUpstream(provider);
  corp = await startIdentityProvider(['http://127.0.0.1/sign-in/callback/corp'], { anyPort: true });
  const client = { clientId: CLIENT.client_id, clientSecret: '${env:CLIENT_SECRET}', reach: 'loopback' };
  gateway = await startToolgate({
    ready: ['machine'],
    env: { CLIENT_SECRET: CLIENT.client_secret },
    config: {
      oauth: {
        identityProviders: [
          { name: 'corp', issuer: corp.issuer, clientId: corp.clientId, clientSecret: corp.clientSecret },
        ],
      },
      upstreams: [
        { name: 'machine', url: mcp.url, auth: { clientCredentials: client } },
        { name: 'vouched', url: mcp.url, auth: { tokenExchange: client } },
        { name: 'asserted', url: mcp.url, auth: { tokenExchange: { ...client, grant: 'id-jag' } } },
        { name: 'company', url: mcp.url, auth: { tokenExchange: { ...client, identityProvider: 'corp' } } },
      ],
    },
  });
});

after(async () => {
  await gateway.close();
  await mcp.close();
  await corp.close();
  await provider.close();
});

/** As a provider does that trusts the gateway: by its published keys, and for itself and this client alone. */
async function personIn(token: string, type: string): Promise<string> {
  presented.push(token);
  const { jwks_uri: keys } = (await (await fetch(`${gateway.url}/.well-known/oauth-authorization-server`)).json()) as {
    jwks_uri: string;
  };
  try {
    const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(keys)), {
      issuer: gateway.url,
      audience: provider.issuer,
      requiredClaims: ['jti', 'exp', 'iat'],
    });
    assert.equal(protectedHeader.typ, type);
    assert.deepEqual([payload.client_id, payload.resource], [CLIENT.client_id, mcp.url]);
    return payload.sub!;
  } catch (error) {
    throw new OauthError('invalid_grant', String(error));
  }
}

function takeGrants(): void {
  const scopes = ['mcp:read'];
  const { extraGrants } = provider;
  extraGrants.set('client_credentials', (_, clientId) => ({ account: `the client ${clientId}`, scopes }));
  extraGrants.set(JWT_BEARER, async (params) => {
    return { account: await personIn(params.get('assertion')!, 'oauth-id-jag+jwt'), scopes };
  });
  extraGrants.set(TOKEN_EXCHANGE, async (params) => {
    const subject = params.get('subject_token')!;
    const byCompany = params.get('subject_token_type') === 'urn:ietf:params:oauth:token-type:id_token';
    return {
      account: byCompany ? `${decodeJwt(subject).sub} of ${decodeJwt(subject).iss}` : await personIn(subject, 'JWT'),
      scopes,
    };
  });
}

async function newPerson(name: string): Promise<{ id: string; key: string }> {
  const { body: user } = await gateway.admin('POST', '/users', { name });
  return { id: user.id, key: await keyFor(user.id) };
}

async function keyFor(id: string): Promise<string> {
  const subject = { kind: 'user', id };
  await gateway.admin('POST', '/role-assignments', { role: 'full-access', subject });
  const { body } = await gateway.admin('POST', '/access-keys', { owner: subject, name: 'agent' });
  return body.key;
}

/** Whose token the upstream gets for this key. What is not known yet is loaded with the person's own token. */
async function whoAt(upstream: string, key: string): Promise<string> {
  const client = modernClient(`${gateway.url}/mcp/${upstream}`, key);
  while (!(await listAll(client, 'tools/list', 'tools')).some(({ name }) => name === 'whoami')) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return textOf(await client.request('tools/call', { name: 'whoami', arguments: {} }));
}

test('the gateway is an account of its own at an upstream with client credentials, whoever calls', async () => {
  const ann = await newPerson('ann-1');
  assert.equal(await whoAt('machine', ann.key), 'the client toolgate');
  assert.equal(await whoAt('machine', gateway.serviceKey), 'the client toolgate');
  const { body } = await gateway.admin('GET', '/audit/events?action=connection.connect');
  assert.equal(body.items.filter(({ upstream }: { upstream: string }) => upstream === 'machine').length, 1);
});

for (const upstream of ['vouched', 'asserted']) {
  test(`each person is themselves at an upstream where the gateway vouches for them (${upstream})`, async () => {
    const people = await Promise.all(['ann', 'bob', 'eve'].map((name) => newPerson(`${name}-at-${upstream}`)));
    const calls = [...people, ...people, ...people].map(async ({ id, key }) => [id, await whoAt(upstream, key)]);
    for (const [id, account] of await Promise.all(calls)) assert.equal(account, id);
  });
}

test('what the gateway says about people to providers opens nothing at the gateway', async () => {
  assert.ok(presented.length >= 6);
  for (const token of presented) {
    const { status } = await modernClient(`${gateway.url}/mcp`, token).request('tools/list');
    assert.equal(status, 401);
  }
});

test('who has to sign in at the company first is given that link, and is known at the upstream afterwards', async () => {
  corp.person = { sub: 'corp-ann', email: 'ann@corp.example', email_verified: true, name: 'Ann' };
  const signIn = () => new Browser(gateway.url).follow('/sign-in/corp');
  await signIn();
  const { body } = await gateway.admin('GET', '/users?limit=100');
  const { id } = body.items.find(({ name }: { name: string }) => name === 'ann@corp.example');
  const ann = await keyFor(id);
  assert.equal(await whoAt('company', ann), `corp-ann of ${corp.issuer}`);

  const bob = await newPerson('bob-without-company');
  const client = modernClient(`${gateway.url}/mcp/company`, bob.key);
  const [tool] = await listAll(client, 'tools/list', 'tools');
  const asked = await client.request('tools/call', { name: tool.name, arguments: {} });
  assert.equal(asked.message.result.isError, true);
  assert.match(textOf(asked), new RegExp(`${gateway.url}/sign-in/corp\\b`));
});

test('who signed in at the company is let in at its upstreams, and only their clients hear of it', async () => {
  corp.person = { sub: 'corp-joe', email: 'joe@corp.example', email_verified: true, name: 'Joe' };
  const signIn = () => new Browser(gateway.url).follow('/sign-in/corp');
  const exchange = provider.extraGrants.get(TOKEN_EXCHANGE)!;
  provider.extraGrants.set(TOKEN_EXCHANGE, () => {
    throw new OauthError('invalid_grant', 'who is that');
  });
  await signIn();
  const { body } = await gateway.admin('GET', '/users?limit=100');
  const { id } = body.items.find(({ name }: { name: string }) => name === 'joe@corp.example');
  const key = await keyFor(id);
  const joe = modernClient(`${gateway.url}/mcp/company`, key);
  const other = modernClient(`${gateway.url}/mcp/company`, (await newPerson('not-joe')).key);
  const listen = async (client: typeof joe) => {
    const stream = await client.open('subscriptions/listen', { notifications: { toolsListChanged: true } });
    await stream.find(({ method }) => method === 'notifications/subscriptions/acknowledged');
    return stream;
  };
  const names = async () => (await listAll(joe, 'tools/list', 'tools')).map(({ name }) => name);
  assert.deepEqual(await names(), ['connect'], 'the provider does not take what the company says');
  const streams = { joe: await listen(joe), other: await listen(other) };
  provider.extraGrants.set(TOKEN_EXCHANGE, exchange);
  await signIn();
  await streams.joe.find(({ method }) => method === 'notifications/tools/list_changed');
  assert.ok((await names()).includes('whoami'));
  assert.ok(!streams.other.messages.some(({ method }) => method === 'notifications/tools/list_changed'));

  const heard = streams.joe.messages.length;
  await signIn();
  assert.equal(await whoAt('company', key), `corp-joe of ${corp.issuer}`);
  assert.equal(streams.joe.messages.length, heard, 'whoever is let in already misses nothing');
  for (const stream of Object.values(streams)) stream.close();
});

test('operators see tokens that nobody connects: how many work, until when, and why one does not', async () => {
  const { body } = await gateway.admin('GET', '/upstreams/machine');
  assert.deepEqual([body.tokens.states, body.tokens.lastError], [{ working: 1 }, null]);
  assert.ok(body.tokens.expiresAt > Date.now());
  const { body: people } = await gateway.admin('GET', '/upstreams/vouched');
  assert.ok(people.tokens.states.working >= 3);
  const { body: company } = await gateway.admin('GET', '/upstreams/company');
  assert.ok(company.tokens.states.needs_sign_in >= 1);
  assert.equal(company.tokens.lastError, null, 'a link for one person is not for operators');
  const metrics = await fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${gateway.ownerKey}` } });
  const text = await metrics.text();
  assert.match(text, /^toolgate_machine_tokens\{upstream="machine",state="working"\} 1$/m);
  assert.match(text, /^toolgate_machine_token_requests\{outcome="ok"\} \d+$/m);
  assert.match(text, /^toolgate_machine_token_requests\{outcome="connection_required"\} \d+$/m);
});

test('an upstream is tried as far as that goes without a person', async () => {
  const tried = async (name: string) => (await gateway.admin('POST', `/upstreams/${name}/test`)).body;
  const machine = await tried('machine');
  assert.ok(machine.ok, JSON.stringify(machine));
  const vouched = await tried('vouched');
  assert.deepEqual(
    vouched.stages.map(({ stage, ok }: { stage: string; ok: boolean }) => [stage, ok]),
    [
      ['reachability', true],
      ['provider', true],
    ],
  );
  assert.match(vouched.stages[1].detail, new RegExp(`Tokens come from ${provider.issuer};`));
});
