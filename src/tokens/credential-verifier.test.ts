import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openTokenBench, RESOURCE, tenantId } from '../../test/token-bench.ts';
import { createKey } from './create-key.ts';
import { createCredentialVerifier } from './credential-verifier.ts';
import { createKeyVerifier } from './key-verifier.ts';

const presented = {
  address: '192.0.2.1',
  dpopScheme: false,
  token: () => ({ resource: RESOURCE, wide: false }),
};

async function open(t: TestContext) {
  const bench = await openTokenBench(t);
  const seen: string[] = [];
  const noted =
    <Of extends unknown[], R>(name: string, verify: (...of: Of) => R) =>
    (...of: Of): R => {
      seen.push(name);
      return verify(...of);
    };
  const keys = createKeyVerifier({ db: bench.db });
  const verifier = createCredentialVerifier({
    keys: { ...keys, verify: noted('keys', keys.verify) },
    tokens: { ...bench.verifier, verify: noted('tokens', bench.verifier.verify) },
  });
  const owner = { kind: 'user', id: 'usr_ann' } as const;
  const { key, secret } = await createKey(bench.db, { tenantId, owner, name: 'laptop', expiresAt: null });
  return { ...bench, seen, verifier, keyId: key.id, key: secret.reveal() };
}

test('a credential is seen by the verifier of its kind alone, also when it is refused', async (t) => {
  const { verifier, seen, key, sign } = await open(t);
  const asked = async (credential: string): Promise<string[]> => {
    seen.length = 0;
    await Promise.resolve()
      .then(() => verifier.verify(credential, presented))
      .catch(({ code }) => assert.equal(code, 'credential_invalid'));
    return [...seen];
  };
  for (const credential of [key, `${key}x`, 'tgp_', 'tgs_x.y.z', `tgp_${await sign()}`]) {
    assert.deepEqual(await asked(credential), ['keys'], credential);
  }
  for (const credential of [await sign(), 'sk-random', `TGP_${key.slice(4)}`, ` ${key}`, 'a.b.c', '']) {
    assert.deepEqual(await asked(credential), ['tokens'], credential);
  }
});

test('a key that is sent as if it were bound to a proof is refused', async (t) => {
  const { verifier, key } = await open(t);
  assert.equal((await verifier.verify(key, presented)).agent.kind, 'access_key');
  await assert.rejects(async () => verifier.verify(key, { ...presented, dpopScheme: true }), {
    code: 'credential_invalid',
  });
});

test('who listens is told of keys, grants, clients and, once, of principals', async (t) => {
  const { verifier, grant, keyId } = await open(t);
  const told: unknown[] = [];
  const stop = verifier.onRevoked((revoked) => told.push(revoked));
  verifier.revokeKey(keyId);
  verifier.revokeGrant(grant);
  verifier.revokeClient('client-1');
  verifier.revokePrincipal('usr_ann');
  stop();
  verifier.revokePrincipal('usr_ann');
  assert.deepEqual(told, [
    { kind: 'access_key', id: keyId },
    { kind: 'grant', id: grant },
    { kind: 'client', id: 'client-1' },
    { kind: 'principal', id: 'usr_ann' },
  ]);
});

test('a revoked or changed principal is read anew for keys and tokens alike', async (t) => {
  const { verifier, key, sign } = await open(t);
  const token = await sign();
  const isWaited = (credential: string) => {
    const verified = verifier.verify(credential, presented);
    return Promise.resolve(verified).then(() => verified instanceof Promise);
  };
  const both = async () => [await isWaited(key), await isWaited(token)];
  await both();
  assert.deepEqual(await both(), [false, false]);
  for (const change of [
    () => verifier.revokePrincipal('usr_ann'),
    () => verifier.invalidatePrincipal('usr_ann'),
    () => verifier.invalidateAll(),
  ]) {
    change();
    assert.deepEqual(await both(), [true, true]);
    assert.deepEqual(await both(), [false, false]);
  }
  assert.deepEqual(verifier.stats(), { keys: { cached: 1, loading: 0 }, tokens: { cached: 1, loading: 0 } });
});
