import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { decodeJwt } from 'jose';
import { startAuthorizationServer } from '../../../test/authorization-server.ts';
import { Browser } from '../../../test/oauth-browser.ts';
import { connect, post, refreshFields, register } from '../../../test/oauth-client.ts';
import { updateUser } from '../../store/users.ts';

const SECRET = 'a secret that an operator made up, long enough';
const asResourceServer = {
  authorization: `Basic ${Buffer.from(`server:${encodeURIComponent(SECRET)}`).toString('base64')}`,
};

async function start(t: TestContext) {
  const as = await startAuthorizationServer({
    oauth: {
      preRegistered: [
        { id: 'server', name: 'Server', authMethod: 'client_secret_basic', secret: SECRET, serviceAccount: 'machine' },
      ],
    },
  });
  t.after(() => as.close());
  const ann = await as.addUser('ann');
  const browser = new Browser(as.url);
  await browser.open('/test/sign-in?name=ann');
  const clientId = await register(as.url);
  const tokens = await connect(browser, { clientId });
  const introspect = (token: string, fields: Record<string, string> = {}, headers = {}) =>
    post(`${as.url}/oauth/introspect`, { token, ...fields }, headers);
  const revoke = (token: string, fields: Record<string, string> = {}, headers = {}) =>
    post(`${as.url}/oauth/revoke`, { token, ...fields }, headers);
  return { as, ann, browser, clientId, tokens, introspect, revoke };
}

const INACTIVE = { active: false };

test('a client and configured resource servers learn about an access token, nobody else', async (t) => {
  const { as, ann, clientId, tokens, introspect } = await start(t);
  const { iat, exp, jti } = decodeJwt(tokens.access_token);
  const expected = {
    active: true,
    iss: as.url,
    sub: ann.id,
    aud: `${as.url}/mcp`,
    client_id: clientId,
    scope: 'mcp',
    token_type: 'Bearer',
    iat,
    exp,
    jti,
  };
  const own = await introspect(tokens.access_token, { client_id: clientId });
  assert.deepEqual([own.status, own.body], [200, expected]);
  assert.deepEqual((await introspect(tokens.access_token, {}, asResourceServer)).body, expected);
  const other = await introspect(tokens.access_token, { client_id: await register(as.url) });
  assert.deepEqual([other.status, other.body], [200, INACTIVE]);
  assert.equal((await introspect(tokens.access_token)).status, 400);
  const wrong = { authorization: `Basic ${Buffer.from('server:wrong').toString('base64')}` };
  assert.equal((await introspect(tokens.access_token, {}, wrong)).status, 401);
});

test('what is no token in force is inactive', async (t) => {
  const { as, ann, clientId, tokens, introspect } = await start(t);
  const client = { client_id: clientId };
  const [header, payload, signature] = tokens.access_token.split('.');
  const forged = `${header}.${payload}.${signature!.slice(0, -4)}AAAA`;
  const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`;
  for (const token of [forged, none, 'nonsense', `${header}.${payload}`]) {
    assert.deepEqual((await introspect(token, client)).body, INACTIVE, token);
  }
  await updateUser(as.db, ann, 1, { status: 'disabled' });
  assert.deepEqual((await introspect(tokens.access_token, client)).body, INACTIVE);
});

test('an expired token is inactive', async (t) => {
  const { as, clientId, tokens, introspect } = await start(t);
  as.clock.ahead += 601_000;
  assert.deepEqual((await introspect(tokens.access_token, { client_id: clientId })).body, INACTIVE);
});

test('revoking an access token ends its grant, on every endpoint', async (t) => {
  const { as, clientId, tokens, introspect, revoke } = await start(t);
  const client = { client_id: clientId };
  const answer = await revoke(tokens.access_token, client);
  assert.deepEqual([answer.status, answer.body], [200, '']);
  assert.deepEqual(as.revoked, [decodeJwt(tokens.access_token).grant_id]);
  assert.deepEqual((await introspect(tokens.access_token, client)).body, INACTIVE);
  const refreshed = await post(`${as.url}/oauth/token`, refreshFields(clientId, tokens.refresh_token));
  assert.deepEqual([refreshed.status, refreshed.body.error], [400, 'invalid_grant']);
  assert.equal((await revoke(tokens.access_token, client)).status, 200);
  assert.equal(as.events.filter(({ action }) => action === 'token.revoked').length, 1);
});

test('revoking a refresh token ends its grant, too', async (t) => {
  const { as, clientId, tokens, introspect, revoke } = await start(t);
  const client = { client_id: clientId };
  assert.equal((await introspect(tokens.refresh_token, client)).body.active, true);
  assert.equal((await revoke(tokens.refresh_token, client)).status, 200);
  assert.deepEqual(as.revoked, [decodeJwt(tokens.access_token).grant_id]);
  assert.deepEqual((await introspect(tokens.access_token, client)).body, INACTIVE);
  assert.equal(as.events.filter(({ action }) => action === 'token.revoked').length, 1);
});

test('nobody revokes the token of another client', async (t) => {
  const { as, clientId, tokens, introspect, revoke } = await start(t);
  const other = await register(as.url);
  for (const token of [tokens.access_token, tokens.refresh_token]) {
    assert.equal((await revoke(token, { client_id: other })).status, 200);
    assert.equal((await revoke(token, {}, asResourceServer)).status, 200);
  }
  assert.deepEqual(as.revoked, []);
  assert.equal((await introspect(tokens.access_token, { client_id: clientId })).body.active, true);
});

test('a token without a grant cannot be revoked, and the answer says so', async (t) => {
  const { as, introspect, revoke } = await start(t);
  await as.addServiceAccount('machine');
  const { OauthSchema } = await import('../../config/oauth-schema.ts');
  const server = { id: 'server', name: 'Server', authMethod: 'client_secret_basic', secret: SECRET };
  await as.server.reload(OauthSchema.parse({ preRegistered: [{ ...server, serviceAccount: 'machine' }] }));
  const { body } = await post(`${as.url}/oauth/token`, { grant_type: 'client_credentials' }, asResourceServer);
  assert.equal((await introspect(body.access_token, {}, asResourceServer)).body.active, true);
  const answer = await revoke(body.access_token, {}, asResourceServer);
  assert.deepEqual([answer.status, answer.body.error], [400, 'unsupported_token_type']);
});
