/**
 * Tokens that were signed by the attacker: `none`, the public key as the secret of an HMAC (CVE-2026-22817,
 * CVE-2026-34950), a key that the token itself brings or points to, a `kid` that means something elsewhere.
 */
import assert from 'node:assert/strict';
import { createPublicKey } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type CryptoKey, decodeJwt, exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import { startTokenIssuer } from '../fakes/token-issuer.ts';
import { declared, openTokenBench } from '../token-bench.ts';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A good token of our own and one of another issuer, with the key that is published for each. */
async function open(t: TestContext) {
  const idp = await startTokenIssuer();
  t.after(() => idp.close());
  const bench = await openTokenBench(t, {
    issuers: [declared(idp)],
    accountOf: async () => ({ userId: 'usr_ann' }),
  });
  const external = await idp.sign({ sub: 'ann', aud: 'gateway' });
  const own = await bench.sign();
  assert.equal(await bench.outcomeOf(own), 'is usr_ann');
  assert.equal(await bench.outcomeOf(external), 'is usr_ann');
  const published = bench.signingKeys.publicJwks().keys[0]!;
  return {
    ...bench,
    idp,
    targets: [
      { name: 'own', token: own, typ: 'at+jwt', jwk: published, kid: published.kid! },
      { name: 'external', token: external, typ: 'JWT', jwk: idp.publicJwk, kid: idp.kid },
    ],
  };
}

const isRefused = (outcome: string): boolean => !outcome.startsWith('is ');

test('without a signature a token is refused, however `none` is written', async (t) => {
  const { targets, outcomeOf } = await open(t);
  for (const { name, token, typ, kid } of targets) {
    const [, payload, signature] = token.split('.');
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null, undefined]) {
      for (const end of ['', signature, 'AA']) {
        const forged = `${part({ alg, typ, kid })}.${payload}.${end}`;
        assert.ok(isRefused(await outcomeOf(forged)), `${name} ${alg} ${end}`);
      }
    }
  }
});

test('the public key is not the secret of an HMAC, in any of its forms', async (t) => {
  const { targets, outcomeOf } = await open(t);
  for (const { name, token, typ, jwk, kid } of targets) {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    const secrets = [
      key.export({ type: 'spki', format: 'pem' }),
      String(key.export({ type: 'spki', format: 'pem' })).trim(),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(jwk),
      String(jwk.x),
      Buffer.alloc(32),
    ];
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      for (const secret of secrets) {
        const forged = await new SignJWT(decodeJwt(token))
          .setProtectedHeader({ alg, typ, kid })
          .sign(Buffer.from(secret as string));
        assert.equal(await outcomeOf(forged), 'algorithm', `${name} ${alg}`);
      }
    }
  }
});

test('a good algorithm that was not allowed is refused, also with a key of its kind', async (t) => {
  const { targets, outcomeOf } = await open(t);
  for (const { name, token, typ, kid } of targets) {
    for (const alg of ['RS256', 'PS256', 'ES384', 'EdDSA']) {
      const { privateKey } = await generateKeyPair(alg);
      const forged = await new SignJWT(decodeJwt(token)).setProtectedHeader({ alg, typ, kid }).sign(privateKey);
      assert.equal(await outcomeOf(forged), 'algorithm', `${name} ${alg}`);
    }
  }
});

test('a key that a token brings, or says where to get, is never used or fetched', async (t) => {
  const { targets, idp, outcomeOf } = await open(t);
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'attacker', alg: 'ES256', use: 'sig' };
  let hits = 0;
  const server = createServer((_, res) => {
    hits++;
    res.end(JSON.stringify({ keys: [jwk], issuer: idp.issuer, jwks_uri: `${evil}/jwks` }));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const evil = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.after(() => server.close());
  const headers: Partial<JWTHeaderParameters>[] = [
    { jwk },
    { jku: `${evil}/jwks` },
    { jku: `${evil}/jwks`, kid: 'attacker', jwk },
    { x5u: `${evil}/x5u` },
    { x5c: [Buffer.from('certificate').toString('base64')] },
    ...['attacker', '', '../../etc/passwd', `${evil}/jwks`, "' OR 1=1 --", '__proto__', 'constructor', '0'].map(
      (kid) => ({ kid }),
    ),
    { kid: undefined as never },
    { kid: ['attacker'] as never },
    { crit: ['b64'], b64: false },
  ];
  for (const { name, token, typ, kid } of targets) {
    for (const header of headers) {
      const forged = await signAnyway(decodeJwt(token), { alg: 'ES256', typ, kid, ...header }, privateKey);
      assert.ok(isRefused(await outcomeOf(forged)), `${name} ${JSON.stringify(header)}`);
    }
  }
  assert.equal(hits, 0);
});

/** As a library would not: whatever the header says. */
async function signAnyway(payload: object, header: object, key: CryptoKey): Promise<string> {
  const input = `${part(header)}.${part(payload)}`;
  const signature = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, Buffer.from(input));
  return `${input}.${Buffer.from(signature).toString('base64url')}`;
}

test('nothing of a good token can be changed', async (t) => {
  const { targets, outcomeOf } = await open(t);
  for (const { name, token } of targets) {
    const [header, payload, signature] = token.split('.') as [string, string, string];
    const claims = decodeJwt(token);
    const parts = [
      [header, part({ ...claims, sub: 'usr_root' }), signature],
      [header, part({ ...claims, exp: claims.exp! + 1 }), signature],
      [part({ alg: 'ES256' }), payload, signature],
      [header, payload, Buffer.alloc(64).toString('base64url')],
      [header, payload, signature.slice(0, -4)],
      [header, payload, `${signature}AAAA`],
      [header, payload, ''],
      [header, payload],
      [header, payload, signature, signature],
      [`${header}=`, payload, signature],
      [header, payload, `${signature}==`],
    ];
    for (const forged of parts) assert.ok(isRefused(await outcomeOf(forged.join('.'))), `${name} ${forged.join('.')}`);
  }
});

test('the keys of one issuer verify nothing of another', async (t) => {
  const { idp, sign, outcomeOf, signingKeys } = await open(t);
  const other = await startTokenIssuer();
  t.after(() => other.close());
  const claims = { sub: 'ann', aud: 'gateway' };
  assert.equal(await outcomeOf(await other.sign(claims)), 'unknown_issuer');
  // The `kid` is the same there.
  assert.equal(await outcomeOf(await other.sign({ ...claims, iss: idp.issuer })), 'signature');
  assert.ok(isRefused(await outcomeOf(await sign({ ...claims, iss: idp.issuer }, { typ: 'JWT', kid: idp.kid }))));
  const own = decodeJwt(await sign());
  assert.equal(await outcomeOf(await idp.sign({ ...own }, { typ: 'at+jwt' })), 'unknown_key');
  const { kid } = signingKeys.active();
  assert.equal(await outcomeOf(await idp.sign({ ...own }, { typ: 'at+jwt', kid })), 'signature');
});
