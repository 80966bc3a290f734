import assert from 'node:assert/strict';
import { beforeEach, type TestContext, test } from 'node:test';
import { decodeJwt } from 'jose';
import { startAuthorizationServer, type TestAuthorizationServer } from '../../../test/authorization-server.ts';
import { Browser, type PageAnswer } from '../../../test/oauth-browser.ts';
import { authorize, json, post, refreshFields, register } from '../../../test/oauth-client.ts';
import { OauthSchema } from '../../config/oauth-schema.ts';
import { sha256Hex } from '../../lib/sha256.ts';
import { DEVICE_CODE } from '../grant-types.ts';

let as: TestAuthorizationServer;
let browser: Browser;
let clientId: string;
beforeEach(async (context) => {
  as = await startAuthorizationServer({ oauth: { deviceFlow: true } });
  (context as TestContext).after(() => as.close());
  await as.addUser('ann');
  browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  clientId = await register(as.url, { grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE] });
});

async function begin(more: Record<string, string> = {}) {
  const answer = await post(`${as.url}/oauth/device_authorization`, { client_id: clientId, ...more });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body as {
    device_code: string;
    user_code: string;
    verification_uri: string;
    verification_uri_complete: string;
  };
}

const poll = (device_code: string, client_id = clientId) => {
  as.clock.ahead += 5000;
  return post(`${as.url}/oauth/token`, { grant_type: DEVICE_CODE, device_code, client_id });
};

const enter = async (userCode: string): Promise<PageAnswer> =>
  browser.submit(await browser.open('/oauth/device'), { user_code: userCode });

test('a person who is signed in enters the code, sees who asks from where, and the device gets tokens', async () => {
  const started = await begin({ scope: 'mcp:jira:read', resource: `${as.url}/mcp/jira/` });
  assert.equal(started.verification_uri, `${as.url}/oauth/device`);
  assert.deepEqual((await poll(started.device_code)).body.error, 'authorization_pending');
  const page = await enter(started.user_code.toLowerCase().replace('-', ' '));
  for (const text of ['Is this your device?', '127.0.0.1', 'Read from Jira', started.user_code, 'ann']) {
    assert.ok(page.text.includes(text), text);
  }
  const done = await browser.submit(page, { decision: 'allow' });
  assert.match(done.text, /Device connected/);
  const tokens = await poll(started.device_code);
  assert.equal(tokens.status, 200, JSON.stringify(tokens.body));
  const { aud, scope, grant_id } = decodeJwt(tokens.body.access_token);
  assert.deepEqual([aud, scope], [`${as.url}/mcp/jira`, 'mcp:jira:read']);
  const refreshed = await post(`${as.url}/oauth/token`, refreshFields(clientId, tokens.body.refresh_token));
  assert.equal(decodeJwt(refreshed.body.access_token).grant_id, grant_id);
  assert.deepEqual((await poll(started.device_code)).body.error, 'invalid_grant');
  const actions = as.events.map(({ action }) => action);
  for (const action of ['device.started', 'device.approved', 'grant.issued', 'token.issued']) {
    assert.ok(actions.includes(action), action);
  }
});

test('a no is told to the device, and nobody can say yes after it', async () => {
  const started = await begin();
  const page = await enter(started.user_code);
  const done = await browser.submit(page, { decision: 'deny' });
  assert.match(done.text, /Access denied/);
  const late = await browser.submit(page, { decision: 'allow' });
  assert.equal(late.status, 422);
  assert.equal((await poll(started.device_code)).body.error, 'access_denied');
  assert.deepEqual(await as.db.selectFrom('oauth_grants').selectAll().execute(), []);
});

test('of two people who enter one code at once, one decides', async () => {
  await as.addUser('ben');
  const ben = new Browser(as.url);
  await ben.open('/test/sign-in?name=ben');
  const started = await begin();
  const pages = [browser, ben].map(async (who) =>
    who.submit(await who.open('/oauth/device'), { user_code: started.user_code }),
  );
  const [first, second] = await Promise.all(pages);
  const answers = await Promise.all([
    browser.submit(first!, { decision: 'allow' }),
    ben.submit(second!, { decision: 'allow' }),
  ]);
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 422]);
  assert.equal((await as.db.selectFrom('oauth_grants').selectAll().execute()).length, 1);
});

test('the link of a device fills the code in, and decides nothing', async () => {
  const started = await begin();
  const page = await browser.open(started.verification_uri_complete);
  assert.match(page.text, new RegExp(`value="${started.user_code}"`));
  assert.equal(page.text.includes('name="decision"'), false);
  const stranger = new Browser(as.url);
  const away = await stranger.open(started.verification_uri_complete);
  const back = new URL(away.url).searchParams.get('return_to');
  assert.equal(back, `/oauth/device?user_code=${started.user_code}`);
});

test('five wrong codes lock the page for the person and the address, also for the right one', async () => {
  const started = await begin();
  for (let i = 0; i < 5; i++) assert.equal((await enter('BBBB-BBBB')).status, 422);
  const locked = await enter(started.user_code);
  assert.equal(locked.status, 429);
  assert.match(locked.text, /Too many wrong codes/);
  assert.ok(as.events.some(({ action }) => action === 'device.locked'));
  as.clock.ahead += 15 * 60_000;
  assert.equal((await enter((await begin()).user_code)).status, 200);
});

test('entering a code needs a sign-in and a form of ours', async () => {
  const stranger = new Browser(as.url);
  const away = await stranger.open('/oauth/device');
  assert.equal(new URL(away.url).pathname, '/sign-in');
  const started = await begin();
  const page = await enter(started.user_code);
  const headers = { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://evil.example' };
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.text)![1]!;
  const body = new URLSearchParams({ csrf, user_code: started.user_code, decision: 'allow' });
  assert.equal((await browser.request('/oauth/device', { method: 'POST', body, headers })).status, 403);
  assert.equal((await poll(started.device_code)).body.error, 'authorization_pending');
});

test('a device that asks too often is slowed down', async () => {
  const started = await begin();
  await poll(started.device_code);
  const fields = { grant_type: DEVICE_CODE, device_code: started.device_code, client_id: clientId };
  assert.equal((await post(`${as.url}/oauth/token`, fields)).body.error, 'slow_down');
  assert.equal((await poll(started.device_code)).body.error, 'authorization_pending');
});

test('what stands in the database is no device code', async () => {
  const started = await begin();
  await browser.submit(await enter(started.user_code), { decision: 'allow' });
  const stored = JSON.stringify(await as.db.selectFrom('oauth_records').selectAll().execute());
  assert.equal(stored.includes(started.device_code), false);
  for (const code of [`sha256:${sha256Hex(started.device_code)}`, sha256Hex(started.device_code)]) {
    assert.equal((await poll(code)).body.error, 'invalid_grant');
  }
  assert.equal((await poll(started.device_code)).status, 200);
});

test('the code of another client, or an expired one, gives nothing', async () => {
  const started = await begin();
  const other = await register(as.url, { grant_types: ['authorization_code', DEVICE_CODE] });
  assert.equal((await poll(started.device_code, other)).body.error, 'invalid_grant');
  await as.db
    .updateTable('oauth_records')
    .set({ payload: await withExpiry() })
    .where('kind', '=', 'DeviceCode')
    .execute();
  assert.equal((await enter(started.user_code)).status, 422);
  assert.equal((await poll(started.device_code)).body.error, 'expired_token');
});

async function withExpiry(): Promise<string> {
  const { payload } = await as.db
    .selectFrom('oauth_records')
    .selectAll()
    .where('kind', '=', 'DeviceCode')
    .executeTakeFirstOrThrow();
  return JSON.stringify({ ...JSON.parse(payload), exp: Math.floor(Date.now() / 1000) - 1 });
}

test('a client goes on without it when it is switched off', async () => {
  await as.server.reload(OauthSchema.parse({}));
  await authorize(browser, { clientId });
});

test('off by default: no endpoint, no page, no grant, nothing in the metadata', async (t) => {
  const plain = await startAuthorizationServer();
  t.after(() => plain.close());
  const { body } = await json(`${plain.url}/.well-known/oauth-authorization-server`);
  assert.equal(body.device_authorization_endpoint, undefined);
  assert.equal(body.grant_types_supported.includes(DEVICE_CODE), false);
  assert.equal((await post(`${plain.url}/oauth/device_authorization`, { client_id: 'x' })).status, 404);
  assert.equal((await json(`${plain.url}/oauth/device`)).status, 404);
  const client_id = await register(plain.url);
  const answer = await post(`${plain.url}/oauth/token`, { grant_type: DEVICE_CODE, device_code: 'x', client_id });
  assert.deepEqual([answer.status, answer.body.error], [400, 'unsupported_grant_type']);
});
