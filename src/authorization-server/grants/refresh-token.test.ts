import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { decodeJwt } from 'jose';
import { startAuthorizationServer, type TestAuthorizationServerOptions } from '../../../test/authorization-server.ts';
import { createDpopKey } from '../../../test/dpop-key.ts';
import { Browser } from '../../../test/oauth-browser.ts';
import {
  authorize,
  connect,
  type JsonAnswer,
  post,
  postJson,
  refreshFields,
  register,
} from '../../../test/oauth-client.ts';
import { updateUser } from '../../store/users.ts';

async function start(t: TestContext, given: TestAuthorizationServerOptions = {}) {
  const as = await startAuthorizationServer(given);
  t.after(() => as.close());
  const ann = await as.addUser('ann');
  const browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  const clientId = await register(as.url);
  const token = `${as.url}/oauth/token`;
  const refresh = (refreshToken: string, base = as.url, headers = {}) =>
    post(`${base}/oauth/token`, refreshFields(clientId, refreshToken), headers);
  return { as, ann, browser, clientId, token, refresh };
}

const DAY = 86_400;

const actions = (as: { events: readonly { action: string }[] }, action: string): number =>
  as.events.filter((event) => event.action === action).length;

/** Lifetimes differ by the seconds in between. */
const tokensOf = ({ body }: JsonAnswer) => [body.access_token, body.refresh_token];

function isDead(answer: JsonAnswer): void {
  assert.deepEqual([answer.status, answer.body.error], [400, 'invalid_grant'], JSON.stringify(answer.body));
}

test('of 50 refreshes at once on two replicas, one makes a successor and all get it', async (t) => {
  const { as, browser, clientId, refresh } = await start(t);
  const replica = await startAuthorizationServer({ replicaOf: as });
  t.after(() => replica.close());
  const tokens = await connect(browser, { clientId });
  const bases = [as.url, replica.url];
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => refresh(tokens.refresh_token, bases[i % 2]!)));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  assert.equal(new Set(answers.map(({ body }) => body.refresh_token)).size, 1);
  assert.equal(new Set(answers.map(({ body }) => body.access_token)).size, 1);
  const stored = await as.db.selectFrom('oauth_records').selectAll().where('kind', '=', 'RefreshToken').execute();
  assert.deepEqual(stored.map(({ consumed_at }) => consumed_at === null).sort(), [false, true]);
  assert.equal(actions(as, 'token.refreshed') + actions(replica, 'token.refreshed'), 1);
  assert.equal(actions(as, 'token.refresh_repeated') + actions(replica, 'token.refresh_repeated'), 49);
  assert.equal((await refresh(answers[0]!.body.refresh_token)).status, 200);
});

test('the answer is given again for a while, also after a restart, and then its use is reuse', async (t) => {
  const { as, browser, clientId, refresh } = await start(t);
  const tokens = await connect(browser, { clientId });
  const first = await refresh(tokens.refresh_token);
  as.clock.ahead += 20_000;
  const restarted = await startAuthorizationServer({ replicaOf: as });
  t.after(() => restarted.close());
  const second = await refresh(tokens.refresh_token, restarted.url);
  assert.deepEqual(tokensOf(second), tokensOf(first));
  assert.ok(second.body.expires_in <= first.body.expires_in - 19, `${second.body.expires_in}`);
  as.clock.ahead += 11_000;
  isDead(await refresh(tokens.refresh_token));
  // The whole family has ended with it.
  isDead(await refresh(first.body.refresh_token));
  assert.deepEqual(as.revoked, [decodeJwt(tokens.access_token).grant_id]);
  assert.equal(actions(as, 'token.reused'), 1);
  const grant = await as.db.selectFrom('oauth_grants').selectAll().executeTakeFirstOrThrow();
  assert.equal(grant.revoked_reason, 'token_reused');
});

test('once the successor was used, the token before it is reuse, also within the grace', async (t) => {
  const { browser, clientId, refresh } = await start(t);
  const tokens = await connect(browser, { clientId });
  const second = await refresh(tokens.refresh_token);
  const third = await refresh(second.body.refresh_token);
  assert.equal(third.status, 200);
  isDead(await refresh(tokens.refresh_token));
  isDead(await refresh(third.body.refresh_token));
});

test('without a grace every repetition is reuse', async (t) => {
  const { browser, clientId, refresh } = await start(t, { oauth: { refreshGraceSeconds: 0 } });
  const tokens = await connect(browser, { clientId });
  const first = await refresh(tokens.refresh_token);
  isDead(await refresh(tokens.refresh_token));
  isDead(await refresh(first.body.refresh_token));
});

test('a grant that is revoked within the grace gives no answer again', async (t) => {
  const { as, browser, clientId, refresh } = await start(t);
  const tokens = await connect(browser, { clientId });
  assert.equal((await refresh(tokens.refresh_token)).status, 200);
  assert.equal(await as.server.revokeGrant(String(decodeJwt(tokens.access_token).grant_id), 'test'), true);
  isDead(await refresh(tokens.refresh_token));
});

test('a grant that another process has just revoked refreshes nothing', async (t) => {
  const { as, browser, clientId, refresh } = await start(t);
  const tokens = await connect(browser, { clientId });
  await as.db.updateTable('oauth_grants').set({ revoked_at: Date.now() }).execute();
  isDead(await refresh(tokens.refresh_token));
});

test('the answer for one DPoP key is not given to another', async (t) => {
  const { browser, clientId, token, refresh } = await start(t);
  const { refresh_token } = await connect(browser, { clientId });
  const [key, other] = [await createDpopKey(), await createDpopKey()];
  const first = await refresh(refresh_token, undefined, await key.proof('POST', token));
  assert.equal(first.body.token_type, 'DPoP');
  isDead(await refresh(refresh_token, undefined, await other.proof('POST', token)));
  isDead(await refresh(refresh_token));
  const again = await refresh(refresh_token, undefined, await key.proof('POST', token));
  assert.deepEqual(tokensOf(again), tokensOf(first));
});

test('a disabled person refreshes nothing, neither then nor after being enabled again', async (t) => {
  const { as, ann, browser, clientId, refresh } = await start(t);
  const tokens = await connect(browser, { clientId });
  const first = await refresh(tokens.refresh_token);
  const disabled = await updateUser(as.db, ann, 1, { status: 'disabled' });
  isDead(await refresh(first.body.refresh_token));
  isDead(await refresh(tokens.refresh_token));
  await updateUser(as.db, ann, disabled!.version, { status: 'active' });
  isDead(await refresh(first.body.refresh_token));
});

test('another client cannot use the token, and does not end it', async (t) => {
  const { as, browser, clientId, token, refresh } = await start(t);
  const tokens = await connect(browser, { clientId });
  const other = await register(as.url);
  isDead(await post(token, refreshFields(other, tokens.refresh_token)));
  assert.equal((await refresh(tokens.refresh_token)).status, 200);
  isDead(await post(token, refreshFields(other, tokens.refresh_token)));
  assert.equal((await refresh(tokens.refresh_token)).status, 200);
});

test('a token that is bound to a DPoP key needs a proof of it, for the repetition, too', async (t) => {
  const { browser, clientId, token, refresh } = await start(t);
  const [key, thief] = [await createDpopKey(), await createDpopKey()];
  const { exchange } = await authorize(browser, { clientId });
  const tokens = await post(token, exchange, await key.proof('POST', token));
  assert.equal(tokens.body.token_type, 'DPoP');
  assert.deepEqual(decodeJwt(tokens.body.access_token).cnf, { jkt: key.thumbprint });
  const { refresh_token } = tokens.body;
  isDead(await refresh(refresh_token));
  isDead(await refresh(refresh_token, undefined, await thief.proof('POST', token)));
  const proof = await key.proof('POST', token);
  const first = await refresh(refresh_token, undefined, proof);
  assert.equal(first.status, 200);
  const again = await refresh(refresh_token, undefined, await key.proof('POST', token));
  assert.deepEqual(tokensOf(again), tokensOf(first));
  isDead(await refresh(refresh_token, undefined, await thief.proof('POST', token)));
  isDead(await refresh(refresh_token));
  const replayed = await refresh(refresh_token, undefined, proof);
  isDead(replayed);
});

test('a client that proves who it is keeps its refresh token', async (t) => {
  const { as, browser, token } = await start(t);
  const registered = await postJson(`${as.url}/oauth/register`, {
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'client_secret_post',
  });
  const { client_id: clientId, client_secret } = registered.body;
  const { exchange } = await authorize(browser, { clientId });
  const tokens = await post(token, { ...exchange, client_secret });
  for (let i = 0; i < 3; i++) {
    const fields = { ...refreshFields(clientId, tokens.body.refresh_token), client_secret };
    const refreshed = await post(token, fields);
    assert.equal(refreshed.status, 200);
    assert.equal(refreshed.body.refresh_token, tokens.body.refresh_token);
  }
  const { payload } = await as.db
    .selectFrom('oauth_records')
    .selectAll()
    .where('kind', '=', 'RefreshToken')
    .executeTakeFirstOrThrow();
  const { iat, exp, ...rest } = JSON.parse(payload);
  const older = JSON.stringify({ ...rest, iat: iat - 16 * DAY, exp: exp - 16 * DAY });
  await as.db.updateTable('oauth_records').set({ payload: older }).where('kind', '=', 'RefreshToken').execute();
  const renewed = await post(token, { ...refreshFields(clientId, tokens.body.refresh_token), client_secret });
  assert.equal(renewed.status, 200);
  assert.notEqual(renewed.body.refresh_token, tokens.body.refresh_token, 'unless it would end before long');
  const wrong = await post(token, {
    ...refreshFields(clientId, tokens.body.refresh_token),
    client_secret: 'x'.repeat(43),
  });
  assert.deepEqual([wrong.status, wrong.body.error], [401, 'invalid_client']);
});
