import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { decodeJwt, exportJWK, generateKeyPair, type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { startAuthorizationServer } from '../../../test/authorization-server.ts';
import { json, post } from '../../../test/oauth-client.ts';
import { updateUser } from '../../store/users.ts';
import type { PersonAssertion } from '../context.ts';
import { JWT_BEARER } from '../grant-types.ts';

const SECRET = 'a secret that an operator made up, long enough';
const ID_JAG = 'oauth-id-jag+jwt';

/** An issuer with its key set. */
async function startIssuer(t: TestContext) {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1' };
  const issuer = { url: '', hits: 0, isDown: false, privateKey, publicKey };
  const server = createServer((request, response) => {
    issuer.hits++;
    if (issuer.isDown) return response.writeHead(503).end();
    const metadata = { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` };
    return response.end(JSON.stringify(request.url === '/jwks' ? { keys: [jwk] } : metadata));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  issuer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return issuer;
}

async function start(t: TestContext, kind: 'id-jag' | 'workload', more: Record<string, unknown> = {}) {
  const issuer = await startIssuer(t);
  const asked: PersonAssertion[] = [];
  const people = new Map<string, string>();
  const as = await startAuthorizationServer({
    oauth: {
      assertionIssuers: [{ issuer: issuer.url, kind, ...more }],
      preRegistered: [
        { id: 'agent', name: 'Agent', authMethod: 'client_secret_basic', secret: SECRET },
        { id: 'other', name: 'Other', authMethod: 'client_secret_basic', secret: SECRET },
        { id: 'job', name: 'Job' },
      ],
    },
    options: {
      accountOf: async (assertion) => {
        asked.push(assertion);
        const userId = people.get(assertion.subject);
        return userId === undefined ? null : { userId };
      },
    },
  });
  t.after(() => as.close());
  const ann = await as.addUser('ann');
  people.set('ann@idp', ann.id);

  const sign = (claims: Record<string, unknown>, header: Partial<JWTHeaderParameters> = {}, key = issuer.privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header }).sign(key);
  const now = () => Math.floor(Date.now() / 1000);
  const idJag = (
    change: Record<string, unknown> = {},
    header: Partial<JWTHeaderParameters> = {},
    key = issuer.privateKey,
  ) =>
    sign(
      {
        iss: issuer.url,
        sub: 'ann@idp',
        aud: as.url,
        resource: `${as.url}/mcp/jira`,
        client_id: 'agent',
        jti: randomUUID(),
        iat: now(),
        exp: now() + 300,
        ...change,
      },
      { typ: ID_JAG, ...header },
      key,
    );
  const workload = (change: Record<string, unknown> = {}, header: Partial<JWTHeaderParameters> = {}) =>
    sign(
      {
        iss: issuer.url,
        sub: 'repo:acme/app:ref:refs/heads/main',
        aud: as.url,
        exp: now() + 300,
        ref: 'main',
        ...change,
      },
      header,
    );
  const exchange = (assertion: string, fields: Record<string, string> = {}, client = 'agent') =>
    post(
      `${as.url}/oauth/token`,
      { grant_type: JWT_BEARER, assertion, ...(client === 'job' && { client_id: 'job' }), ...fields },
      client === 'job'
        ? {}
        : { authorization: `Basic ${Buffer.from(`${client}:${encodeURIComponent(SECRET)}`).toString('base64')}` },
    );
  const isRefused = async (assertion: string, why: string, ...rest: [Record<string, string>?, string?]) => {
    const { status, body } = await exchange(assertion, ...rest);
    assert.deepEqual([status, body.error], [400, 'invalid_grant'], `${why}: ${JSON.stringify(body)}`);
    assert.equal(JSON.stringify(body).includes('ann@idp'), false);
  };
  return { as, ann, issuer, asked, idJag, workload, exchange, isRefused };
}

test('an ID-JAG of the company’s identity provider gives its person a token, and no refresh token', async (t) => {
  const { as, ann, asked, idJag, exchange, issuer } = await start(t, 'id-jag');
  const { status, body } = await exchange(await idJag());
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.refresh_token, undefined);
  const { sub, aud, client_id, scope, epoch, grant_id } = decodeJwt(body.access_token);
  assert.deepEqual(
    { sub, aud, client_id, scope, epoch, grant_id },
    { sub: ann.id, aud: `${as.url}/mcp/jira`, client_id: 'agent', scope: 'mcp:jira', epoch: 1, grant_id: undefined },
  );
  assert.deepEqual([asked[0]!.issuer, asked[0]!.subject, asked[0]!.createAccount], [issuer.url, 'ann@idp', false]);
  const metadata = await json(`${as.url}/.well-known/oauth-authorization-server`);
  assert.deepEqual(metadata.body.authorization_grant_profiles_supported, [
    'urn:ietf:params:oauth:grant-profile:id-jag',
  ]);
  assert.ok(metadata.body.grant_types_supported.includes(JWT_BEARER));
});

test('an ID-JAG works once, also of 20 at a time', async (t) => {
  const { idJag, exchange, isRefused } = await start(t, 'id-jag');
  const assertion = await idJag();
  const answers = await Promise.all(Array.from({ length: 20 }, () => exchange(assertion)));
  assert.equal(answers.filter(({ status }) => status === 200).length, 1);
  await isRefused(assertion, 'replayed');
});

test('an ID-JAG that is not exactly for us, this client and this resource is refused', async (t) => {
  const { as, issuer, idJag, isRefused } = await start(t, 'id-jag');
  const other = await generateKeyPair('ES256');
  const now = Math.floor(Date.now() / 1000);
  await isRefused('nonsense', 'no JWT');
  await isRefused(await idJag({}, { typ: 'JWT' }), 'an ID token');
  await isRefused(await idJag({}, { typ: 'at+jwt' }), 'an access token');
  await isRefused(await idJag({ iss: `${issuer.url}/` }), 'issuer with a slash');
  await isRefused(await idJag({ iss: 'https://evil.example' }), 'unknown issuer');
  await isRefused(await idJag({ aud: 'https://other.example' }), 'audience');
  await isRefused(await idJag({ aud: [as.url, 'https://other.example'] }), 'two audiences');
  await isRefused(await idJag({ aud: `${as.url}/mcp` }), 'the resource as audience');
  await isRefused(await idJag({ resource: 'https://other.example/mcp' }), 'resource');
  await isRefused(await idJag({ resource: undefined }), 'no resource');
  await isRefused(await idJag(), 'another resource asked for', { resource: `${as.url}/mcp/wiki` });
  await isRefused(await idJag({ client_id: 'other' }), 'another client');
  await isRefused(await idJag(), 'stolen by another client', {}, 'other');
  await isRefused(await idJag({ client_id: 'job' }), 'a client without proof', {}, 'job');
  await isRefused(await idJag({ jti: undefined }), 'no jti');
  await isRefused(await idJag({ exp: now - 61 }), 'expired');
  await isRefused(await idJag({ exp: undefined }), 'no expiry');
  await isRefused(await idJag({ exp: now + 2 * 86_400 }), 'good for days');
  await isRefused(await idJag({ iat: now + 120 }), 'from tomorrow');
  await isRefused(await idJag({ sub: 'stranger@idp' }), 'nobody');
  await isRefused(await idJag({}, {}, other.privateKey), 'another key');
  const jwk = await exportJWK(other.publicKey);
  await isRefused(
    await idJag({}, { kid: undefined as never, jwk, jku: 'https://evil.example' }, other.privateKey),
    'own key',
  );
  const secret = new TextEncoder().encode('0'.repeat(64));
  await isRefused(await idJag({}, { alg: 'HS256' }, secret as never), 'HS256');
  const unsigned = `${Buffer.from(JSON.stringify({ alg: 'none', typ: ID_JAG })).toString('base64url')}.${(await idJag()).split('.')[1]}.`;
  await isRefused(unsigned, 'alg none');
});

test('an unknown key is a reason to come again, as its issuer may have just begun to use it', async (t) => {
  const { idJag, exchange, issuer } = await start(t, 'id-jag');
  assert.equal((await exchange(await idJag())).status, 200);
  const { hits } = issuer;
  for (let i = 0; i < 10; i++) {
    const { body } = await exchange(await idJag({}, { kid: `unknown${i}` }));
    assert.match(body.error, /^(temporarily_unavailable|invalid_grant)$/);
  }
  assert.equal(issuer.hits, hits, 'and no reason to ask the issuer each time');
});

test('one that is refused for what can be mended is not used up', async (t) => {
  const { as, idJag, exchange, isRefused } = await start(t, 'id-jag');
  const assertion = await idJag();
  await isRefused(assertion, 'another resource', { resource: `${as.url}/mcp/wiki` });
  assert.equal((await exchange(assertion)).status, 200);
});

test('scopes are those of the assertion and of the request, both', async (t) => {
  const { idJag, exchange } = await start(t, 'id-jag');
  const scopeOf = async (scope: string | undefined, asked?: string) => {
    const { status, body } = await exchange(await idJag({ scope }), asked === undefined ? {} : { scope: asked });
    return status === 200 ? body.scope : body.error;
  };
  assert.equal(await scopeOf(undefined), 'mcp:jira');
  assert.equal(await scopeOf(undefined, 'mcp:jira:read'), 'mcp:jira:read');
  assert.equal(await scopeOf('mcp:jira:read'), 'mcp:jira:read');
  assert.equal(await scopeOf('mcp:jira:read', 'mcp:jira'), 'mcp:jira:read');
  assert.equal(await scopeOf('mcp:jira:read mail.read', 'mcp:jira:create'), 'invalid_scope');
  assert.equal(await scopeOf('mail.read'), 'invalid_scope');
});

test('a disabled person gets nothing by an assertion', async (t) => {
  const { as, ann, idJag, isRefused } = await start(t, 'id-jag');
  await updateUser(as.db, ann, 1, { status: 'disabled' });
  await isRefused(await idJag(), 'disabled');
});

test('an issuer that cannot be reached makes clients come again, and no assertion bad', async (t) => {
  const { issuer, idJag, exchange } = await start(t, 'id-jag');
  issuer.isDown = true;
  const { status, body } = await exchange(await idJag());
  assert.deepEqual([status, body.error], [503, 'temporarily_unavailable']);
});

const RULES = [
  { subject: 'repo:acme/app:*', claims: { ref: 'main' }, serviceAccount: 'deployer', scopes: ['mcp:jira'] },
  { subject: 'system:serviceaccount:prod:*', serviceAccount: 'prod' },
  { subject: 'repo:acme/*', serviceAccount: 'gone' },
];

test('a workload acts for the service account that the first matching rule names', async (t) => {
  const { as, workload, exchange, isRefused } = await start(t, 'workload', { rules: RULES });
  const [deployer, prod] = [await as.addServiceAccount('deployer'), await as.addServiceAccount('prod')];
  const subjectOf = async (change: JWTPayload, client = 'job') => {
    const { status, body } = await exchange(await workload(change), {}, client);
    assert.equal(status, 200, JSON.stringify(body));
    const { sub, scope } = decodeJwt(body.access_token);
    return [sub, scope];
  };
  assert.deepEqual(await subjectOf({}), [deployer.id, 'mcp:jira']);
  assert.deepEqual(await subjectOf({ sub: 'system:serviceaccount:prod:web' }), [prod.id, 'mcp']);
  assert.deepEqual(await subjectOf({ aud: [`${as.url}/oauth/token`] }, 'agent'), [deployer.id, 'mcp:jira']);
  await isRefused(await workload({ ref: 'feature' }), 'a service account that is not there', {}, 'job');
  await isRefused(await workload({ sub: 'repo:evil/app:ref' }), 'no rule', {}, 'job');
  await isRefused(await workload({ sub: 'xrepo:acme/app:ref' }), 'no rule', {}, 'job');
  await isRefused(await workload({ aud: 'https://sts.example' }), 'for somebody else', {}, 'job');
  await isRefused(await workload({ aud: [as.url, 'https://sts.example'] }), 'also for somebody else', {}, 'job');
  await isRefused(await workload({}, { typ: ID_JAG }), 'an ID-JAG', {}, 'job');
  await isRefused(await workload({}, { typ: 'at+jwt' }), 'an access token', {}, 'job');
});

test('the token of a workload may be used again while it is good', async (t) => {
  const { as, workload, exchange } = await start(t, 'workload', { rules: RULES });
  await as.addServiceAccount('deployer');
  const assertion = await workload({ jti: 'one' });
  for (let i = 0; i < 2; i++) assert.equal((await exchange(assertion, {}, 'job')).status, 200);
});

test('assertions can be bound to certain clients', async (t) => {
  const { as, workload, exchange, isRefused } = await start(t, 'workload', { rules: RULES, clients: ['agent'] });
  await as.addServiceAccount('deployer');
  assert.equal((await exchange(await workload())).status, 200);
  await isRefused(await workload(), 'another client', {}, 'job');
});
