import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startTokenIssuer, type TokenIssuerOptions } from '../../test/fakes/token-issuer.ts';
import { declared, introspectionOf, openTokenBench, PUBLIC_URL, RESOURCE, tenantId } from '../../test/token-bench.ts';
import { safeFetch } from '../lib/safe-fetch.ts';
import type { Caller } from '../model/principal.ts';
import { insertGroup } from '../store/groups.ts';
import { assignRole } from '../store/role-assignments.ts';
import { updateUser } from '../store/users.ts';
import type { ExternalIssuer } from './external-issuer.ts';
import type { ExternalSubject } from './token-entry.ts';

async function open(t: TestContext, change: Partial<ExternalIssuer> = {}, options: TokenIssuerOptions = {}) {
  const idp = await startTokenIssuer(options);
  t.after(() => idp.close());
  const asked: ExternalSubject[] = [];
  const bench = await openTokenBench(t, {
    issuers: [declared(idp, change)],
    accountOf: async (subject) => {
      asked.push(subject);
      return subject.subject === 'ann-at-idp' ? { userId: 'usr_ann' } : null;
    },
  });
  return { idp, asked, ...bench };
}

const ANN = { sub: 'ann-at-idp', aud: 'gateway', azp: 'editor', scope: 'openid mcp' };

test('a token of another issuer says whose it is by issuer and subject', async (t) => {
  const { idp, asked, present } = await open(t, { createAccounts: true, nameClaim: 'preferred_username' });
  assert.deepEqual(await present(await idp.sign({ ...ANN, preferred_username: 'ann' })), {
    tenantId,
    principal: { kind: 'user', id: 'usr_ann', name: 'ann@example.org' },
    agent: { kind: 'oauth_client', id: `${idp.issuer}#editor`, name: 'editor' },
    roles: [],
    grant: { id: null, scopes: ['mcp'], resource: RESOURCE },
  } satisfies Caller);
  const [{ claims, ...subject }] = asked as [ExternalSubject];
  assert.deepEqual(subject, {
    issuer: idp.issuer,
    subject: 'ann-at-idp',
    subjectClaim: 'sub',
    createAccount: true,
    nameClaim: 'preferred_username',
  });
  assert.equal(claims.preferred_username, 'ann');
});

test('an issuer that is taken away, or whose audiences are, opens nothing from then on', async (t) => {
  const { idp, verifier, outcomeOf } = await open(t);
  const token = await idp.sign(ANN);
  assert.equal(await outcomeOf(token), 'is usr_ann');
  verifier.replaceIssuers([declared(idp, { audiences: { elsewhere: '/mcp' } })]);
  assert.equal(await outcomeOf(token), 'audience');
  verifier.replaceIssuers([]);
  assert.equal(await outcomeOf(token), 'unknown_issuer');
  verifier.replaceIssuers([declared(idp)]);
  assert.equal(await outcomeOf(token), 'is usr_ann');
});

test('a token that names no scope of ours has the configured ones, and by default none', async (t) => {
  for (const [defaultScopes, scope, expected] of [
    [['mcp:jira:read'], 'openid email', ['mcp:jira:read']],
    [['mcp'], 'openid mcp:jira', ['mcp:jira']],
    [[], 'openid email', []],
  ] as const) {
    const { idp, present } = await open(t, { defaultScopes });
    const { grant } = await present(await idp.sign({ ...ANN, scope }));
    assert.deepEqual(grant?.scopes, expected);
  }
});

test('somebody without an account, or with a disabled one, is refused', async (t) => {
  const { db, idp, verifier, outcomeOf } = await open(t);
  assert.equal(await outcomeOf(await idp.sign({ ...ANN, sub: 'bob' })), 'unknown_principal');
  const token = await idp.sign(ANN);
  assert.equal(await outcomeOf(token), 'is usr_ann');
  await updateUser(db, { tenantId, id: 'usr_ann' }, 1, { status: 'disabled' });
  verifier.revokePrincipal('usr_ann');
  assert.equal(await outcomeOf(token), 'principal_disabled');
});

test('rules turn claims into roles and roles of groups, for this token alone', async (t) => {
  const { db, idp, present } = await open(t, {
    rules: [
      { claim: 'realm_access.roles', equals: 'dev', roles: ['engineer'], groups: ['platform', 'no-such-group'] },
      { claim: 'groups', matches: 'ops-*', roles: ['operator'], groups: [] },
    ],
  });
  await insertGroup(db, { tenantId, id: 'grp_1', name: 'platform', description: '', createdAt: 1 });
  await assignRole(db, { tenantId, role: 'deployer', subject: { kind: 'group', id: 'grp_1' } });
  await assignRole(db, { tenantId, role: 'reader', subject: { kind: 'user', id: 'usr_ann' } });
  const roles = async (claims: object) => (await present(await idp.sign({ ...ANN, ...claims }))).roles;
  assert.deepEqual(await roles({ realm_access: { roles: ['dev'] } }), ['deployer', 'engineer', 'reader']);
  assert.deepEqual(await roles({ groups: ['ops-eu'] }), ['operator', 'reader']);
  assert.deepEqual(await roles({ groups: 'dev' }), ['reader']);
});

test('an audience counts only as it is mapped', async (t) => {
  const { idp, outcomeOf } = await open(t);
  const tools = { resource: `${RESOURCE}/tools` };
  const of = (aud: unknown) => idp.sign({ ...ANN, aud });
  assert.equal(await outcomeOf(await of('gateway')), 'is usr_ann');
  assert.equal(await outcomeOf(await of('gateway'), tools), 'audience');
  assert.equal(await outcomeOf(await of('gateway'), { ...tools, wide: true }), 'is usr_ann');
  assert.equal(await outcomeOf(await of('tools'), tools), 'is usr_ann');
  assert.equal(await outcomeOf(await of('tools')), 'audience');
  assert.equal(await outcomeOf(await of(['account', 'gateway', 'tools']), tools), 'is usr_ann');
  for (const aud of [
    'account',
    'Gateway',
    'gateway/',
    RESOURCE,
    PUBLIC_URL,
    '',
    [],
    undefined,
    '__proto__',
    'toString',
  ]) {
    assert.equal(await outcomeOf(await of(aud)), 'audience', JSON.stringify(aud));
  }
});

test('an ID token, or a token of another type, is no access token', async (t) => {
  const { idp, outcomeOf } = await open(t);
  for (const claims of [{ nonce: 'n' }, { at_hash: 'h' }, { c_hash: 'h' }, { typ: 'ID' }, { typ: 'Refresh' }]) {
    assert.equal(await outcomeOf(await idp.sign({ ...ANN, ...claims })), 'claims', JSON.stringify(claims));
  }
  for (const typ of ['id_token', 'logout+jwt', 'dpop+jwt', 'oauth-id-jag+jwt', 'secevent+jwt']) {
    assert.equal(await outcomeOf(await idp.sign(ANN, { typ })), 'claims', typ);
  }
  for (const typ of ['at+jwt', 'application/at+jwt', 'JWT', undefined] as string[]) {
    assert.equal(await outcomeOf(await idp.sign({ ...ANN, typ: 'Bearer' }, { typ })), 'is usr_ann', typ);
  }
});

test('a token without an end or a subject is refused', async (t) => {
  const { idp, outcomeOf } = await open(t);
  assert.equal(await outcomeOf(await idp.sign({ ...ANN, exp: undefined })), 'claims');
  assert.equal(await outcomeOf(await idp.sign({ ...ANN, sub: undefined })), 'claims');
  assert.equal(await outcomeOf(await idp.sign({ ...ANN, sub: ['ann-at-idp', 'bob'] })), 'claims');
});

test('scopes come as `scope` or `scp`, as text or list', async (t) => {
  const { idp, present } = await open(t);
  const scopes = async (claims: object) =>
    (await present(await idp.sign({ ...ANN, scope: undefined, ...claims }))).grant?.scopes;
  assert.deepEqual(await scopes({ scp: 'mcp mcp:jira' }), ['mcp', 'mcp:jira']);
  assert.deepEqual(await scopes({ scp: ['mcp', 'mcp:jira'] }), ['mcp', 'mcp:jira']);
  assert.deepEqual(await scopes({}), []);
});

test('a subject that is somebody here by id is nobody there', async (t) => {
  const { idp, outcomeOf } = await open(t);
  assert.equal(await outcomeOf(await idp.sign({ ...ANN, sub: 'usr_ann' })), 'unknown_principal');
});

test('the keys are found by the metadata of the issuer, of the issuer alone', async (t) => {
  const { idp, outcomeOf, clock } = await open(t, {}, { path: '/tenant' });
  const token = await idp.sign(ANN);
  idp.metadata.issuer = 'http://127.0.0.1/other';
  assert.equal(await outcomeOf(token), 'issuer_unavailable');
  clock.monotonic += 30_000;
  idp.metadata.issuer = idp.issuer;
  assert.equal(await outcomeOf(token), 'is usr_ann');
  assert.ok(idp.requests.includes('/tenant/.well-known/openid-configuration'));
});

for (const algorithm of ['RS256', 'PS256', 'ES384', 'EdDSA']) {
  test(`${algorithm} is accepted where it is allowed`, async (t) => {
    const { idp, outcomeOf } = await open(t, { algorithms: [algorithm] }, { algorithm });
    assert.equal(await outcomeOf(await idp.sign(ANN)), 'is usr_ann');
  });
}

test('an opaque token is asked about, with the credentials of the gateway, and held to the same rules', async (t) => {
  const idp = await startTokenIssuer();
  t.after(() => idp.close());
  const { clock, present, outcomeOf } = await openTokenBench(t, {
    issuers: [declared(idp, { introspection: introspectionOf(idp), clientClaim: 'client_id' })],
    accountOf: async ({ subject }) => (subject === 'ann-at-idp' ? { userId: 'usr_ann' } : null),
    maxAgeMs: 60_000,
  });
  const exp = Math.floor(clock.now / 1000) + 600;
  const good = { sub: 'ann-at-idp', aud: ['gateway'], client_id: 'editor', scope: 'mcp', exp };
  idp.opaque.set('opaque-good', good);
  const caller = await present('opaque-good');
  assert.deepEqual([caller.principal.id, caller.agent.name, caller.grant?.scopes], ['usr_ann', 'editor', ['mcp']]);
  const asked = idp.requests.length;
  await present('opaque-good');
  assert.equal(idp.requests.length, asked, 'the answer is kept');

  for (const [change, expected] of [
    [{ active: false }, 'inactive'],
    [{ active: 'true' }, 'inactive'],
    [{ iss: `${idp.issuer}/` }, 'claims'],
    [{ iss: idp.issuer }, 'is usr_ann'],
    [{ aud: undefined }, 'audience'],
    [{ aud: 'account' }, 'audience'],
    [{ exp: undefined }, 'claims'],
    [{ exp: exp - 700 }, 'expired'],
    [{ nbf: exp }, 'not_yet_valid'],
    [{ sub: undefined }, 'claims'],
    [{ sub: 'bob' }, 'unknown_principal'],
  ] as const) {
    const token = `opaque-${JSON.stringify(change)}`;
    idp.opaque.set(token, { ...good, ...change });
    assert.equal(await outcomeOf(token), expected, token);
  }
  assert.equal(await outcomeOf('opaque-unknown'), 'inactive');
  idp.misbehave({ status: 500 });
  assert.equal(await outcomeOf('opaque-other'), 'issuer_unavailable');
  assert.equal(await outcomeOf('opaque-good'), 'is usr_ann', 'what is known works while the issuer is down');
});

test('an issuer that refuses the credentials of the gateway makes no token bad', async (t) => {
  const idp = await startTokenIssuer();
  t.after(() => idp.close());
  const introspection = { ...introspectionOf(idp), clientId: 'wrong' };
  const { outcomeOf } = await openTokenBench(t, { issuers: [declared(idp, { introspection })] });
  assert.equal(await outcomeOf('opaque'), 'issuer_unavailable');
});

test('an opaque token is shown to nobody where it could be of several issuers, or of none', async (t) => {
  const idps = await Promise.all([startTokenIssuer(), startTokenIssuer()]);
  t.after(() => Promise.all(idps.map((idp) => idp.close())));
  const issuers = idps.map((idp) => declared(idp, { introspection: introspectionOf(idp) }));
  await assert.rejects(openTokenBench(t, { issuers }), /Only one .* `introspection`/);
  const { outcomeOf } = await openTokenBench(t, { issuers: [declared(idps[0]!)] });
  assert.equal(await outcomeOf('opaque'), 'malformed');
  assert.deepEqual(
    idps.flatMap(({ requests }) => requests),
    [],
  );
});

test('the metadata of an issuer elsewhere cannot lead the gateway to its own machine', async (t) => {
  const idp = await startTokenIssuer();
  t.after(() => idp.close());
  const issuer = 'https://idp.example';
  const metadata = JSON.stringify({ issuer, jwks_uri: idp.jwksUri });
  const { outcomeOf } = await openTokenBench(t, {
    issuers: [{ ...declared(idp), issuer }],
    fetch: async (url, more) =>
      url.startsWith(issuer)
        ? { status: 200, headers: new Headers(), text: metadata }
        : safeFetch(url, { reach: 'loopback-too', ...more }),
  });
  assert.equal(await outcomeOf(await idp.sign({ ...ANN, iss: issuer })), 'issuer_unavailable');
  assert.deepEqual(idp.requests, []);
});
