import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startAuthorizationServer, type TestAuthorizationServer } from '../authorization-server.ts';
import { Browser } from '../oauth-browser.ts';
import { answerIn, authorize, authorizeUrl, json, newPkce, post, postJson, register } from '../oauth-client.ts';

let as: TestAuthorizationServer;
let browser: Browser;
before(async () => {
  as = await startAuthorizationServer();
  await as.addUser('ann');
  browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
});
after(() => as.close());

/** A page of the gateway with status 400, and nothing that would lead anywhere else. */
async function isRefused(clientId: string, redirectUri: string): Promise<void> {
  const answer = await browser.request(authorizeUrl(as.url, { clientId, redirectUri }));
  assert.equal(answer.status, 400, redirectUri);
  assert.equal(answer.headers.get('location'), null, redirectUri);
  assert.equal(/http-equiv="refresh"/.test(answer.text), false);
  assert.match(answer.headers.get('content-type')!, /^text\/html/);
  assert.match(answer.headers.get('content-security-policy')!, /frame-ancestors 'none'/);
  assert.match(answer.text, /redirect_uri_mismatch/);
}

test('a web client is sent back to exactly what it registered', async () => {
  const clientId = await register(as.url, { redirect_uris: ['https://app.example/cb'] });
  for (const redirectUri of [
    'https://app.example/cb/',
    'https://app.example/cb2',
    'https://app.example/cb?x=1',
    'https://app.example/cb#x',
    'https://app.example:8443/cb',
    'https://APP.example/cb',
    'https://app.example.evil.example/cb',
    'https://evil.example/cb',
    'https://app.example@evil.example/cb',
    'https://user:pw@app.example/cb',
    'https://app.example/%63b',
    'https://app.example/x/%2e%2e/cb',
    'https://app.example/x%2f..%2fcb',
    'https://app.example/./cb',
    'https://app.example\\@evil.example/cb',
    'https://app.example/cb\t',
    ' https://app.example/cb',
    'http://app.example/cb',
    '//app.example/cb',
    'javascript:alert(1)',
    'not a url',
  ]) {
    await isRefused(clientId, redirectUri);
  }
});

test('of a loopback redirect the port may differ, and nothing else', async () => {
  const clientId = await register(as.url, { redirect_uris: ['http://127.0.0.1:3000/cb'] });
  for (const redirectUri of ['http://127.0.0.1/cb', 'http://127.0.0.1:61234/cb']) {
    const { answer } = await authorize(browser, { clientId, redirectUri });
    assert.equal(answer.iss, as.url);
  }
  for (const redirectUri of [
    'http://127.0.0.1:3000/cb/x',
    'http://127.0.0.1:3000/',
    'http://127.0.0.1:3000/cb?x',
    'https://127.0.0.1:3000/cb',
    'http://127.0.0.2:3000/cb',
    'http://localhost:3000/cb',
    'http://[::1]:3000/cb',
    'http://127.0.0.1.evil.example:3000/cb',
    'http://localhost.evil.example:3000/cb',
    'http://127.0.0.1:3000@evil.example/cb',
    'http://127.0.0.1:99999/cb',
  ]) {
    await isRefused(clientId, redirectUri);
  }
});

test('what could never be a safe redirect is not registered', async () => {
  for (const redirectUri of [
    'http://app.example/cb',
    'http://localhost.evil.example/cb',
    'https://app.example/cb#fragment',
    'https://user@app.example/cb',
    'https://*.app.example/cb',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'about:blank',
    'mailto:x@y',
    'unknownscheme:/cb',
    'https://app.example/a b',
    'nothing',
    '',
  ]) {
    const answer = await postJson(`${as.url}/oauth/register`, { redirect_uris: [redirectUri] });
    assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_redirect_uri'], redirectUri);
  }
  for (const redirectUri of [
    'com.example.app:/cb',
    'cursor://anysphere.cursor-mcp/oauth/callback',
    'http://[::1]/cb',
  ]) {
    assert.match(await register(as.url, { redirect_uris: [redirectUri] }), /^cli_/);
  }
});

test('the code works with the redirect URI that it was asked for only', async () => {
  const clientId = await register(as.url, { redirect_uris: ['http://127.0.0.1/a', 'http://127.0.0.1/b'] });
  for (const other of ['http://127.0.0.1/b', 'http://127.0.0.1:1/a', '']) {
    const { exchange } = await authorize(browser, { clientId, redirectUri: 'http://127.0.0.1/a' });
    const answer = await post(`${as.url}/oauth/token`, { ...exchange, redirect_uri: other });
    assert.equal(answer.status, 400, other);
  }
});

test('an unknown client is told on a page, and sent nowhere', async () => {
  const answer = await browser.request(
    authorizeUrl(as.url, { clientId: 'cli_unknown', redirectUri: 'https://evil.example/' }),
  );
  assert.equal(answer.status, 400);
  assert.equal(answer.headers.get('location'), null);
  assert.match(answer.text, /client_credentials_invalid/);
});

test('a code is never posted by a script, and nothing but a code is given', async () => {
  const clientId = await register(as.url);
  for (const mode of ['form_post', 'web_message', 'query.jwt']) {
    const page = await browser.open(authorizeUrl(as.url, { clientId, more: { response_mode: mode } }));
    const { error, iss, code } = answerIn(page.url);
    assert.deepEqual([error, iss, code], ['unsupported_response_mode', as.url, undefined], mode);
  }
  for (const type of ['token', 'id_token', 'code token', 'none', 'what']) {
    const page = await browser.open(authorizeUrl(as.url, { clientId, more: { response_type: type } }));
    const { error } = answerIn(page.url.replace('#', '?'));
    assert.equal(error, 'unsupported_response_type', type);
  }
});

test('parameters that stand there twice are refused', async () => {
  const clientId = await register(as.url);
  for (const name of ['client_id', 'redirect_uri', 'state', 'code_challenge', 'scope']) {
    const url = `${authorizeUrl(as.url, { clientId, challenge: newPkce().challenge, more: { scope: 'mcp' } })}&${name}=x`;
    const { status, headers } = await json(url, { headers: { accept: 'text/html' } });
    const location = headers.get('location');
    const error = location === null ? 'page' : answerIn(location).error;
    assert.ok(status === 400 || error === 'invalid_request', `${name}: ${status} ${location}`);
  }
});
