import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startAuthorizationServer, type TestAuthorizationServer } from '../authorization-server.ts';
import { Browser } from '../oauth-browser.ts';
import { answerIn, authorize, authorizeUrl, newPkce, post, postJson, register } from '../oauth-client.ts';

let as: TestAuthorizationServer;
let browser: Browser;
before(async () => {
  as = await startAuthorizationServer();
  await as.addUser('ann');
  browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
});
after(() => as.close());

test('no client gets a code without a challenge by S256, confidential or not', async () => {
  const secret = { token_endpoint_auth_method: 'client_secret_basic' };
  for (const clientId of [await register(as.url), await register(as.url, secret)]) {
    for (const more of [
      { code_challenge: undefined, code_challenge_method: undefined },
      { code_challenge: undefined },
      { code_challenge: '' },
      { code_challenge_method: 'plain' },
      { code_challenge_method: undefined },
      { code_challenge_method: 's256' },
      { code_challenge: 'tooshort' },
      { code_challenge: `${newPkce().challenge.slice(1)}"` },
    ]) {
      const page = await browser.open(authorizeUrl(as.url, { clientId, more }));
      const { error, code } = answerIn(page.url);
      assert.deepEqual([error, code], ['invalid_request', undefined], JSON.stringify(more));
    }
  }
});

test('the verifier of another sign-in, an empty one or none redeems nothing', async () => {
  const clientId = await register(as.url);
  const { challenge } = newPkce();
  for (const verifier of [newPkce().verifier, '', challenge, 'short', undefined]) {
    const { exchange } = await authorize(browser, { clientId });
    const { code_verifier: _, ...without } = exchange;
    const answer = await post(`${as.url}/oauth/token`, {
      ...without,
      ...(verifier !== undefined && { code_verifier: verifier }),
    });
    assert.equal(answer.status, 400);
    assert.match(answer.body.error, /^invalid_(grant|request)$/);
    assert.equal(answer.body.error_uri, `${as.url}/errors/pkce_failed`, JSON.stringify(answer.body));
    // A wrong guess does not use the code up: its owner has the right one.
    assert.equal((await post(`${as.url}/oauth/token`, exchange)).status, 200);
  }
});

test('a code works for the client only that it was given to', async () => {
  const [clientId, other] = [await register(as.url), await register(as.url)];
  const { exchange } = await authorize(browser, { clientId });
  const stolen = await post(`${as.url}/oauth/token`, { ...exchange, client_id: other });
  assert.deepEqual([stolen.status, stolen.body.error], [400, 'invalid_grant']);
});

test('a pushed request needs a challenge, too', async () => {
  const registered = await postJson(`${as.url}/oauth/register`, { redirect_uris: ['http://127.0.0.1/callback'] });
  const fields = {
    client_id: registered.body.client_id,
    response_type: 'code',
    redirect_uri: 'http://127.0.0.1/callback',
  };
  const refused = await post(`${as.url}/oauth/par`, fields);
  assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_request']);
  const { challenge } = newPkce();
  const pushed = await post(`${as.url}/oauth/par`, {
    ...fields,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  });
  assert.equal(pushed.status, 201);
});
