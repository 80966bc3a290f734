import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startAuthorizationServer } from '../../../test/authorization-server.ts';
import { Browser } from '../../../test/oauth-browser.ts';
import {
  answerIn,
  authorize,
  authorizeUrl,
  json,
  LOOPBACK,
  post,
  postJson,
  register,
} from '../../../test/oauth-client.ts';
import { findOauthClient, setOauthClientStatus } from '../../store/oauth-clients.ts';

async function start(t: TestContext, clients: Record<string, unknown> = {}, oauth: Record<string, unknown> = {}) {
  const as = await startAuthorizationServer({ oauth: { clients, ...oauth } });
  t.after(() => as.close());
  await as.addUser('ann');
  const browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  return { as, browser, endpoint: `${as.url}/oauth/register` };
}

test('what is not offered is left out of a registration, and the answer says what was kept', async (t) => {
  const { endpoint } = await start(t);
  const { status, body } = await postJson(endpoint, {
    client_name: 'Everything',
    redirect_uris: [LOOPBACK, 'https://app.example/cb'],
    grant_types: ['authorization_code', 'refresh_token', 'implicit', 'password', 'client_credentials', 'urn:x'],
    response_types: ['code', 'token'],
    scope: 'mcp foo bar',
    token_endpoint_auth_method: 'tls_client_auth',
    id_token_signed_response_alg: 'HS256',
    userinfo_signed_response_alg: 'RS256',
    subject_type: 'pairwise',
    sector_identifier_uri: 'https://169.254.169.254/',
    initiate_login_uri: 'javascript:alert(1)',
    logo_uri: 'javascript:alert(1)',
    contacts: ['not an address'],
    default_max_age: 5,
    require_auth_time: true,
    jwks_uri: 'https://10.0.0.1/jwks',
    software_id: 'x',
    __proto__: { admin: true },
    client_id: 'mine',
    client_secret: 'mine',
  });
  assert.equal(status, 201, JSON.stringify(body));
  assert.match(body.client_id, /^cli_/);
  assert.deepEqual(body.grant_types, ['authorization_code', 'refresh_token']);
  assert.deepEqual(body.response_types, ['code']);
  assert.equal(body.token_endpoint_auth_method, 'none');
  for (const name of [
    'scope',
    'client_secret',
    'sector_identifier_uri',
    'logo_uri',
    'contacts',
    'jwks_uri',
    'default_max_age',
  ]) {
    assert.equal(body[name], undefined, name);
  }
  assert.equal(body.subject_type, 'public');
});

test('a client that asks for a secret gets one that is shown once', async (t) => {
  const { as, browser, endpoint } = await start(t);
  for (const method of ['client_secret_basic', 'client_secret_post']) {
    const { body } = await postJson(endpoint, { redirect_uris: [LOOPBACK], token_endpoint_auth_method: method });
    assert.equal(body.token_endpoint_auth_method, method);
    assert.ok(body.client_secret.length >= 43);
    const { exchange } = await authorize(browser, { clientId: body.client_id });
    const basic = Buffer.from(`${body.client_id}:${body.client_secret}`).toString('base64');
    const { client_id: _, ...without } = exchange;
    const withSecret = { ...exchange, client_secret: body.client_secret };
    const answer =
      method === 'client_secret_basic'
        ? await post(`${as.url}/oauth/token`, without, { authorization: `Basic ${basic}` })
        : await post(`${as.url}/oauth/token`, withSecret);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
    const read = await json(`${endpoint}/${body.client_id}`, {
      headers: { authorization: `Bearer ${body.client_secret}` },
    });
    assert.equal(read.status, 404);
  }
});

test('a client that wants to act on its own behalf only has to be configured', async (t) => {
  const { endpoint } = await start(t);
  const answer = await postJson(endpoint, { grant_types: ['client_credentials'], redirect_uris: [LOOPBACK] });
  assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_client_metadata']);
  assert.match(answer.body.error_description, /set up by an operator/);
});

test('what is no registration is refused', async (t) => {
  const { endpoint } = await start(t);
  for (const body of [[], 'text', 5, null, {}, { redirect_uris: 'x' }, { redirect_uris: [5] }]) {
    assert.equal((await postJson(endpoint, body)).status, 400, JSON.stringify(body));
  }
  const many = Array.from({ length: 100 }, (_, i) => `https://app.example/${i}`);
  assert.equal((await postJson(endpoint, { redirect_uris: many })).status, 400);
  const huge = { redirect_uris: [LOOPBACK], client_name: 'x'.repeat(100_000) };
  assert.equal((await postJson(endpoint, huge)).status, 400);
  const long = await postJson(endpoint, { redirect_uris: [LOOPBACK], client_name: 'x'.repeat(1000) });
  assert.deepEqual([long.status, long.body.client_name.length], [201, 256]);
});

test('off: nobody registers, and metadata says so', async (t) => {
  const { as, endpoint } = await start(t, { registration: 'off' });
  assert.equal((await postJson(endpoint, { redirect_uris: [LOOPBACK] })).status, 404);
  const { body } = await json(`${as.url}/.well-known/oauth-authorization-server`);
  assert.equal(body.registration_endpoint, undefined);
});

test('token: only who has the initial access token registers', async (t) => {
  const token = 'an-initial-access-token-of-some-length';
  const { endpoint } = await start(t, { registration: 'token', initialAccessToken: token });
  const request = { redirect_uris: [LOOPBACK] };
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: token }]) {
    const answer = await postJson(endpoint, request, headers as Record<string, string>);
    assert.ok(answer.status === 401 || answer.status === 400, `${answer.status}`);
  }
  assert.equal((await postJson(endpoint, request, { authorization: `Bearer ${token}` })).status, 201);
  await assert.rejects(start(t, { registration: 'token' }), /Nobody could register/);
});

test('listed: a client with another redirect host waits for an operator', async (t) => {
  const { as, browser } = await start(t, { registration: 'listed', redirectHosts: ['app.example'] });
  const good = await register(as.url, { redirect_uris: ['https://app.example/cb', LOOPBACK] });
  await authorize(browser, { clientId: good, redirectUri: LOOPBACK });
  const other = { redirect_uris: ['https://app.example/cb', 'https://app.example.evil.example/cb'] };
  const waiting = await register(as.url, other);
  const request = { clientId: waiting, redirectUri: 'https://app.example/cb' };
  const page = await browser.open(authorizeUrl(as.url, request));
  assert.equal(page.status, 400);
  assert.equal(page.headers.get('location'), null);
  assert.match(page.text, /has to approve the client first/);
  const client = await findOauthClient(as.db, { tenantId: 'default', id: waiting });
  await setOauthClientStatus(as.db, client!, client!.version, 'active', Date.now());
  await authorize(browser, request);
});

test('one address registers a limited number of clients in an hour', async (t) => {
  const { as, endpoint } = await start(t, { registrationsPerHour: 3 });
  for (let i = 0; i < 3; i++) await register(as.url);
  const answer = await postJson(endpoint, { redirect_uris: [LOOPBACK] });
  assert.equal(answer.status, 429);
  assert.ok(Number(answer.headers.get('retry-after')) > 0);
  as.clock.ahead += 3_600_001;
  await register(as.url);
});

test('a revoked client is unknown: it has to register again', async (t) => {
  const { as, browser } = await start(t);
  const clientId = await register(as.url);
  const { exchange } = await authorize(browser, { clientId });
  assert.equal(await as.server.revokeClient(clientId, 'test'), true);
  assert.equal(await as.server.revokeClient('cli_unknown', 'test'), false);
  const answer = await post(`${as.url}/oauth/token`, exchange);
  assert.deepEqual([answer.status, answer.body.error], [401, 'invalid_client']);
  assert.equal(as.revoked.length, 1);
});

test('sweeping forgets unused clients and never one that has a grant', async (t) => {
  const { as, browser } = await start(t, { unusedDays: 30 });
  const [unused, used] = [await register(as.url), await register(as.url)];
  const { exchange } = await authorize(browser, { clientId: used });
  const tokens = await post(`${as.url}/oauth/token`, exchange);
  as.clock.ahead += 29 * 86_400_000;
  await as.server.sweep();
  assert.notEqual(await findOauthClient(as.db, { tenantId: 'default', id: unused }), null);
  as.clock.ahead += 2 * 86_400_000;
  await as.server.sweep();
  assert.equal(await findOauthClient(as.db, { tenantId: 'default', id: unused }), null);
  assert.notEqual(await findOauthClient(as.db, { tenantId: 'default', id: used }), null);
  assert.ok(as.events.some(({ action, target }) => action === 'client.forgotten' && target === unused));
  assert.equal(tokens.status, 200);
});

test('a configured client comes and goes with the configuration, and is bound to its scopes', async (t) => {
  const desk = { id: 'desk', name: 'Desk', redirectUris: ['https://desk.example/cb'], scopes: ['mcp:jira:read'] };
  const { as, browser } = await start(t, {}, { preRegistered: [desk] });
  const request = { clientId: 'desk', redirectUri: 'https://desk.example/cb' };
  const page = await browser.open(authorizeUrl(as.url, { ...request, more: { scope: 'mcp' } }));
  assert.match(page.text, /set up by an operator/);
  assert.match(page.text, /Read from Jira/);
  const none = await browser.open(authorizeUrl(as.url, { ...request, more: { scope: 'mcp:wiki' } }));
  assert.equal(answerIn(none.url).error, 'invalid_scope');
  const { OauthSchema } = await import('../../config/oauth-schema.ts');
  await as.server.reload(OauthSchema.parse({}));
  assert.equal((await browser.open(authorizeUrl(as.url, request))).status, 400);
});
