import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt, SignJWT } from 'jose';
import { openTokenBench, PUBLIC_URL, RESOURCE, tenantId } from '../../test/token-bench.ts';
import type { Caller } from '../model/principal.ts';
import { addGroupMember } from '../store/group-members.ts';
import { insertGroup } from '../store/groups.ts';
import { deleteOauthClient, insertOauthClient, setOauthClientStatus } from '../store/oauth-clients.ts';
import { revokeOauthGrant } from '../store/oauth-grants.ts';
import { assignRole } from '../store/role-assignments.ts';
import { insertServiceAccount } from '../store/service-accounts.ts';
import { deleteUser, updateUser } from '../store/users.ts';
import { createAccessTokenVerifier, type TokenRevoked } from './access-token-verifier.ts';
import { openSigningKeys } from './signing-keys.ts';

test('a token says whose it is, what acts for them, with their roles and what it is for', async (t) => {
  const { db, sign, present, grant } = await openTokenBench(t);
  await insertGroup(db, { tenantId, id: 'grp_1', name: 'eng', description: '', createdAt: 1 });
  await addGroupMember(db, { tenantId, groupId: 'grp_1', userId: 'usr_ann' });
  await assignRole(db, { tenantId, role: 'zebra', subject: { kind: 'user', id: 'usr_ann' } });
  await assignRole(db, { tenantId, role: 'engineer', subject: { kind: 'group', id: 'grp_1' } });
  assert.deepEqual(await present(await sign({ scope: 'mcp:jira offline_access' })), {
    tenantId,
    principal: { kind: 'user', id: 'usr_ann', name: 'ann@example.org' },
    agent: { kind: 'oauth_client', id: 'client-1', name: 'Editor' },
    roles: ['engineer', 'zebra'],
    grant: { id: grant, scopes: ['mcp:jira', 'offline_access'], resource: RESOURCE },
  } satisfies Caller);
});

test('client credentials give a service account without a grant', async (t) => {
  const { db, sign, present, outcomeOf } = await openTokenBench(t);
  await insertServiceAccount(db, { tenantId, id: 'sva_ci', name: 'ci', description: '', createdAt: 1 });
  const client = { tenantId, id: 'ci-client', source: 'pre_registered', name: 'CI', status: 'active' } as const;
  await insertOauthClient(db, { ...client, metadata: {}, address: '' }, 1);
  const token = () => sign({ sub: 'sva_ci', client_id: 'ci-client', grant_id: undefined });
  const caller = await present(await token());
  assert.deepEqual(caller.principal, { kind: 'service_account', id: 'sva_ci', name: 'ci' });
  assert.deepEqual(caller.agent, { kind: 'oauth_client', id: 'ci-client', name: 'CI' });
  assert.equal(caller.grant?.id, null);
  await setOauthClientStatus(db, client, 1, 'revoked', 2);
  assert.equal(await outcomeOf(await token()), 'client_revoked');
  // As one that is no longer configured.
  await deleteOauthClient(db, client);
  assert.equal(await outcomeOf(await token()), 'client_revoked');
});

test('a token in memory is verified at once, and many first calls are one load', async (t) => {
  const { verifier, sign } = await openTokenBench(t);
  const token = await sign();
  const presented = { resource: RESOURCE, wide: false };
  const calls = Array.from({ length: 50 }, () => verifier.verify(token, presented));
  assert.ok(calls.every((call) => call instanceof Promise));
  assert.deepEqual(verifier.stats(), { cached: 0, loading: 1 });
  assert.equal(new Set(await Promise.all(calls)).size, 1);
  assert.ok(!(verifier.verify(token, presented) instanceof Promise));
  assert.deepEqual(verifier.stats(), { cached: 1, loading: 0 });
});

test('bad tokens are not kept', async (t) => {
  const { verifier, outcomeOf } = await openTokenBench(t);
  for (const token of ['sk-random', 'a.b.c', '', 'x'.repeat(20_000), 'eyJ9.eyJ9.', `${'a'.repeat(17_000)}.b.c`]) {
    assert.equal(await outcomeOf(token), 'malformed');
  }
  assert.deepEqual(verifier.stats(), { cached: 0, loading: 0 });
});

test('a token is good for the resource that it names alone', async (t) => {
  const { sign, outcomeOf } = await openTokenBench(t);
  const token = await sign();
  for (const [resource, wide, expected] of [
    [RESOURCE, false, 'is usr_ann'],
    [`${RESOURCE}/jira`, false, 'audience'],
    [`${RESOURCE}/jira`, true, 'is usr_ann'],
    [`${RESOURCE}x`, true, 'audience'],
    [`${RESOURCE}/`, false, 'audience'],
    [PUBLIC_URL, true, 'audience'],
    ['https://other.example/mcp', true, 'audience'],
  ] as const) {
    assert.equal(await outcomeOf(token, { resource, wide }), expected, `${resource} ${wide}`);
  }
  const narrow = await sign({ aud: `${RESOURCE}/jira` });
  assert.equal(await outcomeOf(narrow, { resource: `${RESOURCE}/jira` }), 'is usr_ann');
  assert.equal(await outcomeOf(narrow, { resource: RESOURCE, wide: true }), 'audience');
  assert.equal(await outcomeOf(narrow, { resource: `${RESOURCE}/jira/x`, wide: true }), 'audience');
  assert.equal(await outcomeOf(await sign({ aud: PUBLIC_URL }), { resource: RESOURCE, wide: true }), 'audience');
  assert.equal(await outcomeOf(await sign({ aud: [RESOURCE] })), 'is usr_ann');
  assert.equal(await outcomeOf(await sign({ aud: [RESOURCE, 'https://other.example'] })), 'claims');
});

for (const claim of ['sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'epoch']) {
  test(`a token without \`${claim}\` is refused`, async (t) => {
    const { sign, outcomeOf } = await openTokenBench(t);
    assert.equal(await outcomeOf(await sign({ [claim]: undefined })), 'claims');
  });
}

test('whatever is no access token is refused by its type', async (t) => {
  const { sign, outcomeOf } = await openTokenBench(t);
  for (const typ of ['JWT', 'dpop+jwt', 'logout+jwt', 'oauth-id-jag+jwt', undefined] as string[]) {
    assert.equal(await outcomeOf(await sign({}, { typ })), 'claims', typ);
  }
  assert.equal(await outcomeOf(await sign({}, { typ: 'application/at+jwt' })), 'is usr_ann');
});

test('a revoked grant is refused on the next request, and who listens is told', async (t) => {
  const { db, verifier, clock, grant, sign, outcomeOf } = await openTokenBench(t);
  const [one, two] = [await sign(), await sign()];
  assert.equal(await outcomeOf(one), 'is usr_ann');
  const told: TokenRevoked[] = [];
  const stop = verifier.onRevoked((revoked) => told.push(revoked));
  await revokeOauthGrant(db, { tenantId, id: grant }, 'by_user', clock.now);
  verifier.revokeGrant(grant);
  assert.equal(await outcomeOf(one), 'grant_revoked');
  assert.equal(await outcomeOf(two), 'grant_revoked');
  assert.deepEqual(told, [{ kind: 'grant', id: grant }]);
  await verifier.readRevoked();
  stop();
  verifier.revokeClient('client-1');
  assert.deepEqual(told, [{ kind: 'grant', id: grant }]);
});

test('what another process revokes is learnt, once, and a new token of the grant is refused even before', async (t) => {
  const { db, clock, verifier, verifierOptions, grant, newGrant, sign, outcomeOf } = await openTokenBench(t);
  const other = createAccessTokenVerifier(verifierOptions);
  const [token, fresh] = [await sign(), await sign()];
  const presented = { resource: RESOURCE, wide: false };
  await other.verify(token, presented);
  const told: TokenRevoked[] = [];
  other.onRevoked((revoked) => told.push(revoked));
  await revokeOauthGrant(db, { tenantId, id: grant }, 'by_user', clock.now);
  await assert.rejects(async () => other.verify(fresh, presented), { code: 'credential_invalid' });
  await other.readRevoked();
  await assert.rejects(async () => other.verify(token, presented), { code: 'credential_invalid' });
  clock.now += 1000;
  await other.readRevoked();
  assert.deepEqual(told, [{ kind: 'grant', id: grant }]);
  const second = await newGrant('usr_ann');
  clock.now += 60 * 60_000;
  assert.equal(await outcomeOf(await sign({ grant_id: second })), 'is usr_ann');
  await revokeOauthGrant(db, { tenantId, id: second }, 'by_user', clock.now);
  await Promise.all([other.readRevoked(), verifier.readRevoked()]);
  assert.deepEqual(told.slice(1), [{ kind: 'grant', id: second }]);
});

test('a grant that is of another client or principal, or is not there, opens nothing', async (t) => {
  const { db, sign, outcomeOf } = await openTokenBench(t);
  await insertServiceAccount(db, { tenantId, id: 'sva_ci', name: 'ci', description: '', createdAt: 1 });
  assert.equal(await outcomeOf(await sign({ grant_id: 'grt_none' })), 'grant_revoked');
  assert.equal(await outcomeOf(await sign({ client_id: 'client-2' })), 'grant_revoked');
  assert.equal(await outcomeOf(await sign({ sub: 'sva_ci' })), 'grant_revoked');
  assert.equal(await outcomeOf(await sign({ grant_id: 7 })), 'claims');
});

test('a disabled or removed principal is refused, and tokens of before stay refused when it is enabled again', async (t) => {
  const { db, verifier, sign, outcomeOf } = await openTokenBench(t);
  const ref = { tenantId, id: 'usr_ann' };
  const token = await sign();
  assert.equal(await outcomeOf(token), 'is usr_ann');
  await updateUser(db, ref, 1, { status: 'disabled' });
  verifier.revokePrincipal('usr_ann');
  assert.equal(await outcomeOf(token), 'principal_disabled');
  await updateUser(db, ref, 2, { status: 'active' });
  verifier.invalidatePrincipal('usr_ann');
  assert.equal(await outcomeOf(token), 'outdated');
  assert.equal(await outcomeOf(await sign({ epoch: 2 })), 'is usr_ann');
  await deleteUser(db, ref);
  verifier.revokePrincipal('usr_ann');
  assert.equal(await outcomeOf(await sign({ epoch: 2, grant_id: undefined })), 'unknown_principal');
  assert.equal(await outcomeOf(await sign({ sub: 'grp_1', grant_id: undefined })), 'unknown_principal');
});

test('what is revoked while a token is being loaded, or its proof verified, is not let in', async (t) => {
  const { db, clock, verifier, grant, sign, present } = await openTokenBench(t);
  const token = await sign();
  const racing = present(token);
  await revokeOauthGrant(db, { tenantId, id: grant }, 'race', clock.now);
  verifier.revokeGrant(grant);
  await assert.rejects(racing, { code: 'credential_invalid' });
});

test('a change of roles counts from the next call on', async (t) => {
  const { db, verifier, sign, present } = await openTokenBench(t);
  const token = await sign();
  assert.deepEqual((await present(token)).roles, []);
  await assignRole(db, { tenantId, role: 'reader', subject: { kind: 'user', id: 'usr_ann' } });
  assert.deepEqual((await present(token)).roles, []);
  verifier.invalidatePrincipal('usr_ann');
  assert.deepEqual((await present(token)).roles, ['reader']);
  await assignRole(db, { tenantId, role: 'writer', subject: { kind: 'user', id: 'usr_ann' } });
  verifier.invalidateAll();
  assert.deepEqual((await present(token)).roles, ['reader', 'writer']);
});

test('a token signed by another process after it rotated the keys is verified', async (t) => {
  const { db, vault, verifier, sign, signingKeys, clock, outcomeOf } = await openTokenBench(t);
  const other = await openSigningKeys({ db, vault, now: () => clock.now });
  const before = await sign();
  await other.rotate();
  const foreign = createAccessTokenVerifier({
    ...{ db, own: { issuer: () => PUBLIC_URL, signingKeys: other }, publicUrl: () => PUBLIC_URL, issuers: [] },
    ...{ accountOf: async () => null, fetch: () => Promise.reject(new Error('unused')), dpop: null as never },
  });
  await foreign.verify(before, { resource: RESOURCE, wide: false });
  assert.notEqual(signingKeys.active().kid, other.active().kid);
  await signingKeys.tick();
  assert.equal(await outcomeOf(await sign()), 'is usr_ann');
  await other.rotate();
  // Not told about the second rotation, it reads the database when it meets the key.
  const { kid, privateKey } = other.active();
  const token = await new SignJWT(decodeJwt(before))
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
    .sign(privateKey);
  assert.equal(await outcomeOf(token), 'is usr_ann');
  assert.equal(verifier.stats().loading, 0);
});

test('where there is no authorization server, its issuer is nobody', async (t) => {
  const { sign, outcomeOf } = await openTokenBench(t, { own: null });
  assert.equal(await outcomeOf(await sign()), 'unknown_issuer');
});
