import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { decodeJwt, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { startAuthorizationServer, type TestAuthorizationServer } from '../../../test/authorization-server.ts';
import { createDpopKey } from '../../../test/dpop-key.ts';
import { post, register } from '../../../test/oauth-client.ts';
import { OauthSchema } from '../../config/oauth-schema.ts';
import { findServiceAccount, type ServiceAccount, updateServiceAccount } from '../../store/service-accounts.ts';

const SECRET = 'a secret that an operator made up, long enough';
const GRANT = { grant_type: 'client_credentials' };

let as: TestAuthorizationServer;
let machine: ServiceAccount;
let token: string;
let signing: Awaited<ReturnType<typeof generateKeyPair>>;

before(async () => {
  signing = await generateKeyPair('ES256');
  as = await startAuthorizationServer();
  machine = await as.addServiceAccount('machine');
  token = `${as.url}/oauth/token`;
  const settings = OauthSchema.parse({
    preRegistered: [
      { id: 'basic', name: 'Basic', authMethod: 'client_secret_basic', secret: SECRET, serviceAccount: 'machine' },
      {
        id: 'keyed',
        name: 'Keyed',
        authMethod: 'private_key_jwt',
        jwks: { keys: [{ ...(await exportJWK(signing.publicKey)), kid: 'k1' }] },
        serviceAccount: 'machine',
        scopes: ['mcp:jira:read', 'mcp:wiki'],
      },
      { id: 'nobody', name: 'Nobody', authMethod: 'client_secret_basic', secret: SECRET, serviceAccount: 'missing' },
      { id: 'idle', name: 'Idle', authMethod: 'client_secret_basic', secret: SECRET },
    ],
  });
  await as.server.reload(settings);
});
after(() => as.close());

const basic = (id: string, secret = SECRET) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
});

async function assertion(change: JWTPayload = {}, key = signing.privateKey): Promise<Record<string, string>> {
  const claims = { iss: 'keyed', sub: 'keyed', aud: as.url, jti: randomUUID(), ...change };
  const signed = new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).setIssuedAt();
  if (change.exp === undefined) signed.setExpirationTime('1m');
  return {
    ...GRANT,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await signed.sign(key),
  };
}

test('a configured client speaks for its service account, by secret', async () => {
  const answer = await post(token, GRANT, basic('basic'));
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  assert.deepEqual(Object.keys(answer.body).sort(), ['access_token', 'expires_in', 'scope', 'token_type']);
  const { sub, aud, scope, client_id, epoch, grant_id } = decodeJwt(answer.body.access_token);
  assert.deepEqual(
    { sub, aud, scope, client_id, epoch, grant_id },
    { sub: machine.id, aud: `${as.url}/mcp`, scope: 'mcp', client_id: 'basic', epoch: 1, grant_id: undefined },
  );
  const issued = as.events.findLast(({ action }) => action === 'token.issued')!;
  assert.deepEqual(
    [issued.principalKind, issued.principalId, issued.agentId],
    ['service_account', machine.id, 'basic'],
  );
});

test('or by a key, with an assertion that works once', async () => {
  const fields = await assertion();
  const answer = await post(token, { ...fields, scope: 'mcp:wiki', resource: `${as.url}/mcp/wiki/` });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const { sub, aud, scope } = decodeJwt(answer.body.access_token);
  assert.deepEqual([sub, aud, scope], [machine.id, `${as.url}/mcp/wiki`, 'mcp:wiki']);
  assert.equal((await post(token, fields)).status, 401);
});

test('of 20 uses of one assertion at once, one succeeds', async () => {
  const fields = await assertion();
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(token, fields)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
});

test('an assertion that is not right proves nothing', async () => {
  const { privateKey } = await generateKeyPair('ES256');
  for (const fields of [
    await assertion({}, privateKey),
    await assertion({ iss: 'basic' }),
    await assertion({ aud: 'https://other.example' }),
    await assertion({ exp: Math.floor(Date.now() / 1000) - 120 }),
    await assertion({ sub: 'basic' }),
    { ...(await assertion()), client_assertion_type: 'urn:x' },
  ]) {
    const answer = await post(token, fields);
    assert.ok(answer.status === 401 || answer.status === 400, JSON.stringify(answer.body));
    assert.match(answer.body.error, /^invalid_(client|request)$/);
  }
});

test('without a scope a client gets all that it may have, and never more', async () => {
  const scopeOf = async (fields: Record<string, string>) => {
    const { status, body } = await post(token, { ...(await assertion()), ...fields });
    return status === 200 ? body.scope : body.error;
  };
  assert.equal(await scopeOf({}), 'mcp:jira:read mcp:wiki');
  assert.equal(await scopeOf({ scope: 'mcp' }), 'mcp:jira:read mcp:wiki');
  assert.equal(await scopeOf({ scope: 'mcp:wiki:read' }), 'mcp:wiki:read');
  assert.equal(await scopeOf({ scope: 'mcp:jira' }), 'mcp:jira:read');
  assert.equal(await scopeOf({ resource: `${as.url}/mcp/jira` }), 'mcp:jira:read');
  assert.equal(await scopeOf({ resource: `${as.url}/mcp/jira`, scope: 'mcp:wiki' }), 'invalid_scope');
});

test('a resource that is not ours, or not there, is no target', async () => {
  for (const resource of [
    'https://other.example/mcp',
    `${as.url}/mcp/unknown`,
    `${as.url}/other`,
    `${as.url}/mcp?x`,
    `${as.url}/mcp/jira/x`,
    'mcp',
  ]) {
    const { status, body } = await post(token, { ...GRANT, resource }, basic('basic'));
    assert.deepEqual([status, body.error], [400, 'invalid_target'], resource);
  }
});

test('who proves nothing, or speaks for nobody, gets nothing', async () => {
  const clientId = await register(as.url);
  const own = { redirect_uris: ['http://127.0.0.1/callback'], token_endpoint_auth_method: 'client_secret_post' };
  void own;
  for (const [fields, headers, status, error] of [
    [GRANT, basic('basic', 'wrong'), 401, 'invalid_client'],
    [GRANT, basic('unknown'), 401, 'invalid_client'],
    [{ ...GRANT, client_id: 'basic' }, {}, 401, 'invalid_client'],
    [{ ...GRANT, client_id: clientId }, {}, 400, 'invalid_request'],
    [GRANT, basic('nobody'), 400, 'unauthorized_client'],
    [GRANT, basic('idle'), 400, 'invalid_request'],
  ] as const) {
    const answer = await post(token, fields, headers);
    assert.deepEqual([answer.status, answer.body.error], [status, error], JSON.stringify([fields, answer.body]));
  }
});

test('a token can be bound to a DPoP key, with a nonce of the server', async () => {
  const key = await createDpopKey();
  const first = await post(token, GRANT, { ...basic('basic'), ...(await key.proof('POST', token)) });
  assert.equal(first.status, 200);
  const nonce = first.headers.get('dpop-nonce')!;
  const second = await post(token, GRANT, { ...basic('basic'), ...(await key.proof('POST', token, { nonce })) });
  assert.equal(second.body.token_type, 'DPoP');
  assert.deepEqual(decodeJwt(second.body.access_token).cnf, { jkt: key.thumbprint });
  for (const proof of [await key.proof('GET', token), await key.proof('POST', `${as.url}/oauth/par`), { dpop: 'x' }]) {
    const refused = await post(token, GRANT, { ...basic('basic'), ...proof });
    assert.deepEqual([refused.status, refused.body.error], [400, 'invalid_dpop_proof']);
  }
  const wrong = await post(token, GRANT, { ...basic('basic'), ...(await key.proof('POST', token, { nonce: 'x' })) });
  assert.equal(wrong.body.error, 'use_dpop_nonce');
  assert.ok(wrong.headers.get('dpop-nonce'));
});

test('a disabled service account gets nothing any more', async () => {
  const account = await findServiceAccount(as.db, machine);
  const disabled = await updateServiceAccount(as.db, machine, account!.version, { status: 'disabled' });
  const refused = await post(token, GRANT, basic('basic'));
  assert.deepEqual([refused.status, refused.body.error], [400, 'unauthorized_client']);
  await updateServiceAccount(as.db, machine, disabled!.version, { status: 'active' });
  const again = await post(token, GRANT, basic('basic'));
  assert.equal(decodeJwt(again.body.access_token).epoch, disabled!.epoch);
});
