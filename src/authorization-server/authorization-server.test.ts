import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { startAuthorizationServer, type TestAuthorizationServerOptions } from '../../test/authorization-server.ts';
import { Browser } from '../../test/oauth-browser.ts';
import {
  answerIn,
  authorize,
  authorizeUrl,
  connect,
  json,
  LOOPBACK,
  newPkce,
  post,
  postJson,
  refreshFields,
  register,
} from '../../test/oauth-client.ts';

async function start(t: TestContext, given: TestAuthorizationServerOptions = {}) {
  const as = await startAuthorizationServer(given);
  t.after(() => as.close());
  const ann = await as.addUser('ann');
  const browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  return { as, ann, browser, token: `${as.url}/oauth/token` };
}

test('a client registers, a person consents, and the client gets tokens for exactly the resource', async (t) => {
  const { as, ann, browser, token } = await start(t);
  const clientId = await register(as.url);
  const tokens = await connect(browser, {
    clientId,
    more: { resource: `${as.url}/mcp/jira/`, scope: 'mcp:jira:read' },
  });
  const { typ, alg } = decodeProtectedHeader(tokens.access_token);
  assert.deepEqual({ typ, alg }, { typ: 'at+jwt', alg: 'ES256' });
  const { jti, iat, exp, grant_id, ...claims } = decodeJwt(tokens.access_token);
  assert.deepEqual(claims, {
    iss: as.url,
    sub: ann.id,
    aud: `${as.url}/mcp/jira`,
    client_id: clientId,
    scope: 'mcp:jira:read',
    epoch: ann.epoch,
  });
  assert.equal(exp! - iat!, 600);
  assert.match(String(grant_id), /^grt_/);
  assert.ok(jti);
  const refreshed = await post(token, refreshFields(clientId, tokens.refresh_token));
  assert.equal(refreshed.status, 200);
  assert.equal(decodeJwt(refreshed.body.access_token).grant_id, grant_id);
  assert.notEqual(refreshed.body.refresh_token, tokens.refresh_token);
  assert.equal(refreshed.headers.get('cache-control'), 'no-store');
  assert.deepEqual(
    as.events.map(({ action }) => action),
    ['client.registered', 'consent.given', 'grant.issued', 'token.issued', 'token.refreshed'],
  );
  const issued = as.events.find(({ action }) => action === 'token.issued')!;
  assert.deepEqual(
    [issued.principalId, issued.agentId, issued.target, issued.address, issued.arguments],
    [ann.id, clientId, grant_id, '127.0.0.1', { resource: `${as.url}/mcp/jira`, scopes: ['mcp:jira:read'] }],
  );
});

test('nothing that could be used stands in the database', async (t) => {
  const { as, browser } = await start(t);
  const registered = await postJson(`${as.url}/oauth/register`, {
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'client_secret_post',
  });
  const { client_id: clientId, client_secret } = registered.body;
  const { exchange } = await authorize(browser, { clientId });
  const first = await post(`${as.url}/oauth/token`, { ...exchange, client_secret });
  assert.equal(first.status, 200);
  const other = await register(as.url);
  const tokens = await connect(browser, { clientId: other });
  const refreshed = await post(`${as.url}/oauth/token`, refreshFields(other, tokens.refresh_token));
  const rows: string[] = [];
  for (const table of ['oauth_records', 'oauth_clients', 'oauth_grants', 'refresh_successors', 'consents'] as const) {
    rows.push(JSON.stringify(await as.db.selectFrom(table).selectAll().execute()));
  }
  const stored = rows.join('\n');
  for (const secret of [
    client_secret,
    exchange.code,
    first.body.refresh_token,
    first.body.access_token,
    tokens.refresh_token,
    refreshed.body.refresh_token,
    refreshed.body.access_token,
  ]) {
    assert.ok(secret.length >= 40);
    assert.equal(stored.includes(secret), false);
  }
});

test('metadata stands at the root, and with a path in front of it and behind it', async (t) => {
  const { as } = await start(t, { oauth: { issuerPath: '/t1' } });
  for (const path of [
    '/.well-known/oauth-authorization-server/t1',
    '/.well-known/openid-configuration/t1',
    '/t1/.well-known/openid-configuration',
    '/.well-known/oauth-authorization-server',
  ]) {
    const { status, headers, body } = await json(as.url + path, { headers: { origin: 'https://app.example' } });
    assert.equal(status, 200, path);
    assert.match(headers.get('content-type')!, /^application\/json/);
    assert.equal(headers.get('access-control-allow-origin'), 'https://app.example');
    assert.equal(body.issuer, `${as.url}/t1`);
    assert.equal(body.token_endpoint, `${as.url}/t1/oauth/token`);
    assert.equal(body.registration_endpoint, `${as.url}/t1/oauth/register`);
    assert.deepEqual(body.code_challenge_methods_supported, ['S256']);
    assert.deepEqual(body.response_types_supported, ['code']);
    assert.deepEqual(body.response_modes_supported, ['query', 'fragment']);
    assert.equal(body.authorization_response_iss_parameter_supported, true);
    assert.equal(body.client_id_metadata_document_supported, true);
    assert.equal(body.device_authorization_endpoint, undefined);
    assert.deepEqual(body.grant_types_supported, ['authorization_code', 'refresh_token', 'client_credentials']);
  }
});

test('the whole flow works below a path, and at the legacy endpoints of the origin', async (t) => {
  const { as, browser } = await start(t, { oauth: { issuerPath: '/t1' } });
  const registered = await postJson(`${as.url}/register`, { redirect_uris: [LOOPBACK] });
  assert.equal(registered.status, 201);
  const clientId = registered.body.client_id;
  const { verifier, challenge } = newPkce();
  const url = authorizeUrl(as.url, { clientId, challenge, more: { resource: undefined } });
  const page = await browser.open(url.replace('/oauth/authorize', '/authorize'));
  assert.match(page.url, /\/t1\/oauth\/interaction\//);
  const done = await browser.submit(page, { decision: 'allow' });
  const { code, iss, state } = answerIn(done.url);
  assert.deepEqual({ iss, state }, { iss: `${as.url}/t1`, state: 'the-state' });
  const tokens = await post(`${as.url}/token`, {
    grant_type: 'authorization_code',
    client_id: clientId,
    redirect_uri: LOOPBACK,
    code_verifier: verifier,
    code: code!,
  });
  assert.equal(tokens.status, 200, JSON.stringify(tokens.body));
  assert.equal(decodeJwt(tokens.body.access_token).aud, `${as.url}/mcp`);
});

test('URLs come from the configuration, whatever a request says of its host', async (t) => {
  const { as } = await start(t);
  const { body } = await json(`${as.url}/.well-known/oauth-authorization-server`, {
    headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' },
  });
  assert.equal(body.issuer, as.url);
  assert.equal(JSON.stringify(body).includes('evil'), false);
});

test('browser-based clients may call the endpoints from their own origin', async (t) => {
  const { as } = await start(t);
  const origin = 'https://app.example';
  for (const path of ['token', 'register', 'revoke', 'jwks', 'par']) {
    const preflight = await json(`${as.url}/oauth/${path}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
    assert.equal(preflight.status, 204, path);
    assert.match(preflight.headers.get('access-control-allow-origin')!, /^(\*|https:\/\/app\.example)$/);
    assert.equal(preflight.headers.get('access-control-allow-credentials'), null);
  }
  const answer = await post(`${as.url}/oauth/token`, { grant_type: 'refresh_token', client_id: 'unknown' }, { origin });
  assert.equal(answer.headers.get('access-control-allow-origin'), origin);
  const registered = await postJson(`${as.url}/oauth/register`, { redirect_uris: [LOOPBACK] }, { origin });
  assert.deepEqual([registered.status, registered.headers.get('access-control-allow-origin')], [201, '*']);
});

test('endpoints for programs answer in JSON, whatever is accepted', async (t) => {
  const { as, token } = await start(t);
  const answer = await post(token, { grant_type: 'refresh_token', client_id: 'unknown' }, { accept: 'text/html' });
  assert.equal(answer.status, 401);
  assert.equal(answer.body.error, 'invalid_client');
  assert.equal(answer.body.error_uri, `${as.url}/errors/client_credentials_invalid`);
  assert.match(answer.body.error_description, /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
});

test('until another signing key is taken up, the one before it signs', async (t) => {
  const { as, browser, token } = await start(t, { isUnawareOfKeys: true });
  const clientId = await register(as.url);
  const tokens = await connect(browser, { clientId });
  await as.signingKeys.rotate();
  const refreshed = await post(token, refreshFields(clientId, tokens.refresh_token));
  assert.equal(refreshed.status, 200);
  const [before, after] = [tokens, refreshed.body].map(({ access_token }) => decodeProtectedHeader(access_token).kid);
  assert.equal(after, before);
});

test('what OpenID Connect asks for is given, and is no access', async (t) => {
  const { as, ann, browser, token } = await start(t);
  const clientId = await register(as.url);
  const more = { scope: 'openid offline_access profile', nonce: 'the-nonce' };
  const { exchange } = await authorize(browser, { clientId, more });
  const { body } = await post(token, exchange);
  assert.equal(body.scope, 'mcp');
  const { iss, sub, aud, nonce } = decodeJwt(body.id_token);
  assert.deepEqual({ iss, sub, aud, nonce }, { iss: as.url, sub: ann.id, aud: clientId, nonce: 'the-nonce' });
  assert.equal(decodeProtectedHeader(body.id_token).alg, 'ES256');
  assert.equal((await post(token, refreshFields(clientId, body.refresh_token))).status, 200);
});

test('over https, cookies are for this host, for the way of one sign-in, and for no script', async (t) => {
  const publicUrl = 'https://gateway.example';
  const as = await startAuthorizationServer({ options: { publicUrl: () => publicUrl } });
  t.after(() => as.close());
  const clientId = await register(as.url);
  const url = authorizeUrl(publicUrl, { clientId }).replace(publicUrl, as.url);
  const response = await fetch(url, { redirect: 'manual' });
  assert.match(response.headers.get('location')!, /^\/oauth\/interaction\//);
  const cookies = response.headers.getSetCookie();
  assert.ok(cookies.length >= 2);
  for (const cookie of cookies) {
    assert.match(cookie, /^__Secure-toolgate_(interaction|resume)(\.sig)?=/);
    assert.match(cookie, /; path=\/oauth\/(interaction|authorize)\/[\w-]+; .*samesite=lax; secure; httponly/);
    assert.equal(/domain=/i.test(cookie), false);
  }
});

test('a signed-out person is sent to sign in and back, and then asked', async (t) => {
  const { as } = await start(t);
  const clientId = await register(as.url);
  const browser = new Browser(as.url);
  const away = await browser.open(authorizeUrl(as.url, { clientId, more: { login_hint: 'ann@x' } }));
  const { pathname, searchParams } = new URL(away.url);
  assert.equal(pathname, '/sign-in');
  assert.equal(searchParams.get('login_hint'), 'ann@x');
  assert.match(searchParams.get('return_to')!, /^\/oauth\/interaction\/[\w-]+$/);
  await browser.open('/test/sign-in?name=ann');
  const page = await browser.open(searchParams.get('return_to')!);
  assert.match(page.text, /Allow access\?/);
  const done = await browser.submit(page, { decision: 'allow' });
  assert.ok(answerIn(done.url).code);
});

test('signing keys rotate without a refused token, and soon the new one signs', async (t) => {
  const { as, browser, token } = await start(t);
  const clientId = await register(as.url);
  const tokens = await connect(browser, { clientId });
  const before = decodeProtectedHeader(tokens.access_token).kid;
  await as.signingKeys.rotate();
  for (let { refresh_token } = tokens, kid = before; kid === before; ) {
    const refreshed = await post(token, refreshFields(clientId, refresh_token));
    assert.equal(refreshed.status, 200);
    ({ refresh_token } = refreshed.body);
    kid = decodeProtectedHeader(refreshed.body.access_token).kid;
  }
  const { body } = await json(`${as.url}/oauth/jwks`);
  assert.equal(
    body.keys.some(({ kid }: { kid: string }) => kid === before),
    true,
  );
  assert.equal(JSON.stringify(body).includes('"d"'), false);
});
