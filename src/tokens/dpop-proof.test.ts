import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { openTokenBench, RESOURCE } from '../../test/token-bench.ts';
import { createDpopVerifier } from './dpop-proof.ts';

type Claims = Readonly<Record<string, unknown>>;

async function keyPair(algorithm = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const thumbprint = await calculateJwkThumbprint(jwk);
  const prove = (claims: Claims, header: Claims = {}) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg: algorithm, typ: 'dpop+jwt', jwk, ...header }).sign(privateKey);
  return { privateKey, jwk, thumbprint, prove };
}

async function open(t: TestContext, algorithm?: string) {
  const bench = await openTokenBench(t);
  // At the beginning of a nonce's time, so that a test sees the same of it whenever it runs.
  bench.clock.now = Math.ceil(bench.clock.now / 120_000) * 120_000;
  const key = await keyPair(algorithm);
  const token = await bench.sign({ cnf: { jkt: key.thumbprint } });
  const claims = (change: Claims = {}): Claims => ({
    htm: 'POST',
    htu: RESOURCE,
    iat: Math.floor(bench.clock.now / 1000),
    ath: createHash('sha256').update(token).digest('base64url'),
    jti: randomUUID(),
    nonce: bench.dpop.nonce(),
    ...change,
  });
  const use = (proof: string | undefined, request: { method?: string; url?: string } = {}) =>
    bench.outcomeOf(token, { dpop: { proof, method: 'POST', url: RESOURCE, ...request } });
  return { ...bench, ...key, token, claims, use };
}

for (const algorithm of ['ES256', 'EdDSA']) {
  test(`a proof by a key of ${algorithm} lets its token in, once`, async (t) => {
    const { prove, claims, use } = await open(t, algorithm);
    const proof = await prove(claims());
    assert.equal(await use(proof), 'is usr_ann');
    assert.equal(await use(proof), 'proof_replayed');
    assert.equal(await use(await prove(claims())), 'is usr_ann');
  });
}

test('a request whose proof was good can be looked at again, as long as its token is', async (t) => {
  const { prove, claims, use, token, clock, outcomeOf } = await open(t);
  const dpop = { proof: await prove(claims()), method: 'POST', url: RESOURCE };
  assert.equal(await use(dpop.proof), 'is usr_ann');
  assert.equal(await outcomeOf(token, { dpop, again: true }), 'is usr_ann');
  clock.now += 24 * 3_600_000;
  assert.equal(await outcomeOf(token, { dpop, again: true }), 'expired');
});

test('a bound token is refused as a bearer token, and without a proof', async (t) => {
  const { token, use, outcomeOf, prove, claims } = await open(t);
  assert.equal(await use(await prove(claims())), 'is usr_ann');
  assert.equal(await outcomeOf(token), 'proof_missing');
  assert.equal(await use(undefined), 'proof_missing');
});

test('a token that is bound to nothing cannot be sent with a proof', async (t) => {
  const { sign, outcomeOf, prove, claims } = await open(t);
  const dpop = { proof: await prove(claims()), method: 'POST', url: RESOURCE };
  assert.equal(await outcomeOf(await sign(), { dpop }), 'proof_invalid');
});

test('a token that is bound in another way is refused', async (t) => {
  const { sign, outcomeOf } = await openTokenBench(t);
  for (const cnf of [{ 'x5t#S256': 'x' }, {}, null, 'x', { jkt: 7 }]) {
    assert.equal(await outcomeOf(await sign({ cnf })), 'claims', JSON.stringify(cnf));
  }
});

const WRONG: Readonly<Record<string, Claims>> = {
  'another method': { htm: 'GET' },
  'a method in another case': { htm: 'post' },
  'another resource': { htu: `${RESOURCE}/jira` },
  'another host': { htu: RESOURCE.replace('gateway', 'evil') },
  'another scheme': { htu: RESOURCE.replace('https', 'http') },
  'no URL': { htu: 'mcp' },
  'another token': { ath: createHash('sha256').update('x').digest('base64url') },
  'no token': { ath: undefined },
  'no method': { htm: undefined },
  'no resource': { htu: undefined },
  'no id': { jti: undefined },
  'an empty id': { jti: '' },
  'a huge id': { jti: 'x'.repeat(257) },
  'no time': { iat: undefined },
  'a time as text': { iat: '1' },
};

for (const [what, change] of Object.entries(WRONG)) {
  test(`a proof with ${what} is refused`, async (t) => {
    const { prove, claims, use } = await open(t);
    assert.equal(await use(await prove(claims(change))), 'proof_invalid');
  });
}

test('query and fragment of the URL do not count, nor how it is spelled', async (t) => {
  const { prove, claims, use } = await open(t);
  for (const htu of [`${RESOURCE}?a=b#c`, RESOURCE.replace('https://gateway', 'HTTPS://GATEWAY'), `${RESOURCE}?`]) {
    assert.equal(await use(await prove(claims({ htu }))), 'is usr_ann', htu);
  }
  assert.equal(await use(await prove(claims()), { url: `${RESOURCE}?x=1` }), 'is usr_ann');
});

test('a proof may be two minutes old and one minute ahead, and no more', async (t) => {
  const { prove, claims, use, clock } = await open(t);
  const at = (seconds: number) => prove(claims({ iat: Math.floor(clock.now / 1000) + seconds }));
  assert.deepEqual(
    [await use(await at(-119)), await use(await at(-121)), await use(await at(59)), await use(await at(62))],
    ['is usr_ann', 'proof_invalid', 'is usr_ann', 'proof_invalid'],
  );
});

test('a proof is remembered for as long as it could be used', async (t) => {
  const { prove, claims, use, clock } = await open(t);
  const iat = Math.floor(clock.now / 1000) + 59;
  const proof = await prove(claims({ iat }));
  assert.equal(await use(proof), 'is usr_ann');
  for (let i = 0; i < 5; i++) {
    clock.now += 30_000;
    assert.equal(await use(proof), 'proof_replayed');
  }
});

test('another key, or one that only looks the same, proves nothing', async (t) => {
  const { prove, claims, use, jwk, privateKey } = await open(t);
  const other = await keyPair();
  assert.equal(await use(await other.prove(claims())), 'proof_invalid');
  assert.equal(await use(await other.prove(claims(), { jwk })), 'proof_invalid');
  assert.equal(await use(await prove(claims(), { jwk: other.jwk })), 'proof_invalid');
  assert.equal(await use(await prove(claims(), { jwk: undefined })), 'proof_invalid');
  const withPrivatePart: JWK = { ...jwk, d: (await exportJWK(privateKey)).d! };
  assert.equal(await use(await prove(claims(), { jwk: withPrivatePart })), 'proof_invalid');
  assert.equal(await use(await prove(claims(), { kid: 'x', jku: 'https://evil.example' })), 'is usr_ann');
});

test('what is no proof is refused: another type, another algorithm, none, two of them', async (t) => {
  const { prove, claims, use, jwk } = await open(t);
  for (const typ of ['JWT', 'at+jwt', undefined]) {
    assert.equal(await use(await prove(claims(), { typ })), 'proof_invalid', String(typ));
  }
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const unsigned = `${part({ alg: 'none', typ: 'dpop+jwt', jwk })}.${part(claims())}.`;
  const proof = await prove(claims());
  const mac = await new SignJWT({ ...claims() })
    .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk })
    .sign(Buffer.from(JSON.stringify(jwk)));
  for (const bad of [
    unsigned,
    mac,
    `${proof}, ${await prove(claims())}`,
    `${proof.slice(0, -2)}xx`,
    '',
    'x',
    'a.b.c',
  ]) {
    assert.equal(await use(bad), 'proof_invalid', bad.slice(-40));
  }
  assert.equal(await use(proof), 'is usr_ann', 'the same proof, unspoiled');
});

test('a proof needs a nonce of this server, which is good for some minutes and for every process', async (t) => {
  const { prove, claims, use, clock, dpop } = await open(t);
  assert.equal(await use(await prove(claims({ nonce: undefined }))), 'nonce');
  assert.equal(await use(await prove(claims({ nonce: 'made-up' }))), 'nonce');
  const nonce = dpop.nonce();
  clock.now += 119_000;
  assert.equal(await use(await prove(claims({ nonce }))), 'is usr_ann');
  clock.now += 121_000;
  assert.equal(await use(await prove(claims({ nonce }))), 'nonce');
  assert.equal(await use(await prove(claims())), 'is usr_ann');
  const nonceSecret = randomBytes(32);
  const now = () => 1_790_000_000_000;
  const [one, two] = [createDpopVerifier({ nonceSecret, now }), createDpopVerifier({ nonceSecret, now })];
  assert.equal(one.nonce(), two.nonce());
  assert.notEqual(one.nonce(), createDpopVerifier({ nonceSecret: randomBytes(32), now }).nonce());
});

test('where no nonce is required, a wrong one is refused all the same', async () => {
  const { prove, thumbprint } = await keyPair();
  const dpop = createDpopVerifier({ nonceSecret: randomBytes(32), requireNonce: false });
  const claims = (nonce?: string) => ({
    ...{ htm: 'GET', htu: RESOURCE, iat: Math.floor(Date.now() / 1000), jti: randomUUID(), nonce },
    ath: createHash('sha256').update('token').digest('base64url'),
  });
  const use = async (nonce?: string) =>
    dpop.verify({ proof: await prove(claims(nonce)), method: 'GET', url: RESOURCE }, 'token', thumbprint);
  await use();
  await use(dpop.nonce());
  await assert.rejects(use('made-up'), { code: 'token_nonce_required' });
});

test('what changes while a proof is verified is read anew, without asking for another proof', async (t) => {
  const { verifier, prove, claims, use } = await open(t);
  assert.equal(await use(await prove(claims())), 'is usr_ann');
  const proof = await prove(claims());
  const racing = use(proof);
  verifier.revokePrincipal('usr_ann');
  assert.equal(await racing, 'is usr_ann', 'it is read anew, and nothing changed');
  assert.equal(await use(proof), 'proof_replayed');
});
