/** Clients that an admin adds over the API: what they can do, and who may add them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { startToolgate, type TestGateway } from '../harness.ts';
import { modernClient } from '../mcp-client.ts';
import { post } from '../oauth-client.ts';
import { addPerson, signIn } from '../sign-in.ts';

const REDIRECT = 'http://127.0.0.1:33418/callback';

let gateway: TestGateway;
let machine: { readonly id: string; readonly name: string };
before(async () => {
  gateway = await startToolgate();
  machine = await addAccount('nightly', ['full-access']);
});
after(() => gateway.close());

async function addAccount(name: string, roles: readonly string[]): Promise<{ id: string; name: string }> {
  const { body } = await gateway.admin('POST', '/service-accounts', { name });
  for (const role of roles) {
    await gateway.admin('POST', '/role-assignments', { role, subject: { kind: 'service_account', id: body.id } });
  }
  return { id: body.id, name };
}

async function add(body: Record<string, unknown>) {
  const answer = await gateway.admin('POST', '/oauth-clients', body);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body as { client: { id: string; source: string; scopes: string[] }; secret: string | null };
}

const tokenWith = (fields: Record<string, string>, headers: Record<string, string> = {}) =>
  post(`${gateway.url}/oauth/token`, { grant_type: 'client_credentials', ...fields }, headers);
const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
});
const statusOf = async (token: string): Promise<number> =>
  (await modernClient(`${gateway.url}/mcp`, token).request('tools/list')).status;

test('a client with a secret acts for its service account, within its scopes, until it is removed', async () => {
  const { client, secret } = await add({
    name: 'Nightly',
    authMethod: 'client_secret_basic',
    serviceAccountId: machine.id,
    scopes: ['mcp:jira'],
  });
  assert.deepEqual([client.source, client.scopes], ['added', ['mcp:jira']]);
  const tokens = await tokenWith({ scope: 'mcp' }, basic(client.id, secret!));
  assert.equal(tokens.status, 200, JSON.stringify(tokens.body));
  assert.equal(tokens.body.scope, 'mcp:jira');
  assert.equal(await statusOf(tokens.body.access_token), 200);
  assert.equal((await tokenWith({}, basic(client.id, 'guessed'))).status, 401);
  const shown = await gateway.admin('GET', `/oauth-clients/${client.id}`);
  assert.ok(!JSON.stringify(shown.body).includes(secret!));

  await gateway.app.reload({ ...(await reloaded()) });
  assert.equal(
    (await gateway.admin('GET', `/oauth-clients/${client.id}`)).status,
    200,
    'the file does not take it away',
  );

  assert.equal((await gateway.admin('DELETE', `/oauth-clients/${client.id}`)).status, 204);
  assert.equal(await statusOf(tokens.body.access_token), 401);
  assert.equal((await tokenWith({}, basic(client.id, secret!))).body.error, 'invalid_client');
  assert.equal((await gateway.admin('DELETE', `/oauth-clients/${client.id}`)).status, 404);
});

test('a client with a key proves itself by it', async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1' };
  const declared = { name: 'Keyed', authMethod: 'private_key_jwt', serviceAccountId: machine.id };
  const refused = await gateway.admin('POST', '/oauth-clients', {
    ...declared,
    jwks: { keys: [await exportJWK(privateKey)] },
  });
  assert.match(refused.body.detail, /holds a secret key/);
  const { client, secret } = await add({ ...declared, jwks: { keys: [jwk] } });
  assert.equal(secret, null);
  const assertion = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
    .setIssuer(client.id)
    .setSubject(client.id)
    .setAudience(gateway.url)
    .setJti('once')
    .setIssuedAt()
    .setExpirationTime('1m')
    .sign(privateKey);
  const tokens = await tokenWith({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
  });
  assert.equal(tokens.status, 200, JSON.stringify(tokens.body));
  assert.equal(await statusOf(tokens.body.access_token), 200);
});

test('people sign in with a public client, to where it may return and nowhere else', async () => {
  const ann = await addPerson(gateway, 'ann@example.com', ['full-access']);
  const { client } = await add({ name: 'Portal', redirectUris: [REDIRECT] });
  const tokens = await signIn(gateway, ann, { clientId: client.id });
  assert.equal(await statusOf(tokens.access_token), 200);
  const elsewhere = new URLSearchParams({
    client_id: client.id,
    response_type: 'code',
    redirect_uri: 'https://elsewhere.example/cb',
  });
  assert.equal((await fetch(`${gateway.url}/oauth/authorize?${elsewhere}`, { redirect: 'manual' })).status, 400);
});

test('what does not fit together is refused, as in the configuration file', async () => {
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ serviceAccountId: machine.id }, /has to prove who it is/],
    [{ authMethod: 'private_key_jwt' }, /needs one of `jwks` and `jwksUri`/],
    [{ redirectUris: ['http://elsewhere.example/cb'] }, /clear text/],
    [{ redirectUris: ['https://*.example/cb'] }, /not a redirect URI/],
    [{ secret: 'chosen' }, /no such member/],
    [{ name: 'a\u202eb' }, /visible characters/],
  ];
  for (const [more, message] of refused) {
    const { status, body } = await gateway.admin('POST', '/oauth-clients', { name: 'X', ...more });
    assert.deepEqual([status, message.test(body.detail)], [422, true], body.detail);
  }
  const unknown = { name: 'X', authMethod: 'client_secret_basic', serviceAccountId: `sva_${'0'.repeat(26)}` };
  assert.equal((await gateway.admin('POST', '/oauth-clients', unknown)).status, 404);
});

test('an admin gets no credential of an owner by a client: not by adding, approving or promotion', async () => {
  const root = await addAccount('root-robot', ['owner']);
  const rising = await addAccount('rising-robot', []);
  const adam = await addPerson(gateway, 'adam@example.com', ['admin']);
  const owner = { kind: 'user', id: adam.id };
  const { body: issued } = await gateway.admin('POST', '/access-keys', { owner, name: 'adam' });
  const asAdmin = { key: issued.key as string };
  const secretFor = (serviceAccountId: string) => ({ name: 'S', authMethod: 'client_secret_basic', serviceAccountId });
  const refused = await gateway.admin('POST', '/oauth-clients', secretFor(root.id), asAdmin);
  assert.deepEqual([refused.status, refused.body.code], [403, 'owner_required']);

  const added = await gateway.admin('POST', '/oauth-clients', secretFor(rising.id), asAdmin);
  assert.equal(added.status, 201, JSON.stringify(added.body));
  const { client, secret } = added.body;
  const { body: tokens } = await tokenWith({}, basic(client.id, secret));
  const subject = { kind: 'service_account', id: rising.id };
  const risen = await gateway.admin('POST', '/role-assignments', { role: 'owner', subject });
  assert.deepEqual(risen.body.endedCredentials[0].clients, [{ id: client.id, name: 'S' }]);
  assert.equal((await tokenWith({}, basic(client.id, secret))).body.error, 'invalid_client');
  assert.equal(await statusOf(tokens.access_token), 401);
  for (const [method, path] of [
    ['POST', `/oauth-clients/${client.id}/approve`],
    ['POST', `/oauth-clients/${client.id}/revoke`],
    ['DELETE', `/oauth-clients/${client.id}`],
  ] as const) {
    const answer = await gateway.admin(method, path, undefined, asAdmin);
    assert.equal(answer.body.code, 'owner_required', `${method} ${path}`);
  }
});

/** The configuration as it stands in the file, read again. */
async function reloaded() {
  const { loadConfig } = await import('../../src/config/load-config.ts');
  const { dataDir } = gateway;
  return loadConfig({ flags: { config: `${dataDir}/toolgate.yaml`, dataDir }, env: {}, cwd: dataDir });
}
