import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { AppError } from '../../../errors/app-error.ts';
import { createOwnTokens } from '../../../tokens/own-tokens.ts';
import { createGatewayAssertions } from './gateway-assertions.ts';

const ISSUER = 'https://gateway.example.com/auth';
const ABOUT = {
  subject: 'usr_ann',
  audience: 'https://provider.example.com',
  resource: 'https://mcp.example.com/mcp',
  clientId: 'toolgate',
};

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const assertions = createGatewayAssertions(() => ISSUER, { active: () => ({ kid: 'key-1', privateKey }) });

test('a subject token says about whom it is, for which provider, upstream and client, and is good for two minutes', async () => {
  const token = (await assertions.subjectToken(ABOUT)).reveal();
  assert.deepEqual(decodeProtectedHeader(token), { alg: 'ES256', typ: 'JWT', kid: 'key-1' });
  const { payload } = await jwtVerify(token, publicKey, { issuer: ISSUER, audience: ABOUT.audience });
  const { jti, iat, exp, ...claims } = payload;
  assert.deepEqual(claims, {
    iss: ISSUER,
    sub: 'usr_ann',
    aud: ABOUT.audience,
    resource: ABOUT.resource,
    client_id: 'toolgate',
    typ: 'ID',
  });
  assert.equal(exp! - iat!, 120);
  assert.match(jti!, /^[\da-f-]{36}$/);
});

test('an identity assertion has the type of an ID-JAG, and the scopes that are asked for', async () => {
  const scoped = (await assertions.idJag({ ...ABOUT, scopes: ['read', 'write'] })).reveal();
  assert.equal(decodeProtectedHeader(scoped).typ, 'oauth-id-jag+jwt');
  assert.equal((await jwtVerify(scoped, publicKey)).payload.scope, 'read write');
  const plain = (await assertions.idJag({ ...ABOUT, resource: null, scopes: [] })).reveal();
  const { payload } = await jwtVerify(plain, publicKey);
  assert.deepEqual([payload.scope, payload.resource], [undefined, undefined]);
});

test('no two are the same, so that a provider can let each count once', async () => {
  const ids = await Promise.all(
    Array.from(
      { length: 20 },
      async () => (await jwtVerify((await assertions.subjectToken(ABOUT)).reveal(), publicKey)).payload.jti,
    ),
  );
  assert.equal(new Set(ids).size, 20);
});

test('none opens the gateway itself, even when it names a resource of it', async () => {
  const verify = createOwnTokens({
    issuer: () => ISSUER,
    signingKeys: { publicKey: () => publicKey, tick: async () => undefined },
  });
  const own = { ...ABOUT, audience: 'https://gateway.example.com/mcp', resource: 'https://gateway.example.com/mcp' };
  for (const token of [await assertions.subjectToken(own), await assertions.idJag({ ...own, scopes: [] })]) {
    await assert.rejects(
      verify(token.reveal()),
      (error) => error instanceof AppError && error.code === 'credential_invalid',
    );
  }
});
