import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { startAuthorizationServer } from '../authorization-server.ts';
import { Browser } from '../oauth-browser.ts';
import { authorize, post, refreshFields, register } from '../oauth-client.ts';

test('of 50 who redeem a code at once on two replicas one gets tokens, and these end', async (t) => {
  const as = await startAuthorizationServer();
  t.after(() => as.close());
  const replica = await startAuthorizationServer({ replicaOf: as });
  t.after(() => replica.close());
  await as.addUser('ann');
  const browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  const clientId = await register(as.url);
  const { exchange } = await authorize(browser, { clientId });
  const bases = [as.url, replica.url];
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => post(`${bases[i % 2]}/oauth/token`, exchange)),
  );
  const good = answers.filter(({ status }) => status === 200);
  assert.equal(good.length, 1);
  for (const { status, body } of answers.filter((answer) => answer !== good[0])) {
    assert.deepEqual([status, body.error], [400, 'invalid_grant']);
  }
  const { access_token, refresh_token } = good[0]!.body;
  const grantId = String(decodeJwt(access_token).grant_id);
  assert.ok([...as.revoked, ...replica.revoked].includes(grantId));
  const refreshed = await post(`${as.url}/oauth/token`, refreshFields(clientId, refresh_token));
  assert.deepEqual([refreshed.status, refreshed.body.error], [400, 'invalid_grant']);
  const introspected = await post(`${as.url}/oauth/introspect`, { client_id: clientId, token: access_token });
  assert.deepEqual(introspected.body, { active: false });
  assert.ok([...as.events, ...replica.events].some(({ action }) => action === 'token.reused'));
});

test('a code that is presented again later ends what it gave', async (t) => {
  const as = await startAuthorizationServer();
  t.after(() => as.close());
  await as.addUser('ann');
  const browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  const clientId = await register(as.url);
  const { exchange } = await authorize(browser, { clientId });
  const first = await post(`${as.url}/oauth/token`, exchange);
  assert.equal(first.status, 200);
  const again = await post(`${as.url}/oauth/token`, exchange);
  assert.deepEqual([again.status, again.body.error], [400, 'invalid_grant']);
  assert.deepEqual(as.revoked, [decodeJwt(first.body.access_token).grant_id]);
});
