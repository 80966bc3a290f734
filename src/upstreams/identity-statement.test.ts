import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { decodeJwt, jwtVerify } from 'jose';
import { httpUpstream } from '../../test/fakes/upstream-call.ts';
import { createIdentityStatements } from './identity-statement.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signingKeys = { active: () => ({ kid: 'k1', privateKey }) };
const issuer = () => 'https://gate.example.com';
const ANN = { kind: 'user', id: 'usr_ann', name: 'Ann' } as const;
const BOT = { kind: 'service_account', id: 'sva_bot', name: 'bot' } as const;
const jira = httpUpstream('https://jira.example.com/mcp?tenant=7', { identityHeader: 'X-Caller' });

test('a statement says who calls, to one upstream, for a minute, and verifies with the published key', async () => {
  const time = Date.UTC(2026, 10, 21);
  const statements = createIdentityStatements({ issuer, signingKeys, now: () => time });
  const { payload, protectedHeader } = await jwtVerify(statements.about(jira, ANN), publicKey, {
    audience: 'https://jira.example.com/mcp',
    issuer: issuer(),
    currentDate: new Date(time),
  });
  assert.deepEqual(protectedHeader, { alg: 'ES256', typ: 'toolgate-identity+jwt', kid: 'k1' });
  assert.deepEqual(
    { ...payload, iat: undefined, exp: undefined },
    {
      ...{ iss: issuer(), aud: 'https://jira.example.com/mcp', sub: 'usr_ann', name: 'Ann', kind: 'user' },
      ...{ iat: undefined, exp: undefined },
    },
  );
  assert.equal(payload.exp! - payload.iat!, 60);
});

test('a statement is kept until half its life is over, and never beyond, whichever way the clock moves', () => {
  let time = Date.UTC(2026, 10, 21);
  const statements = createIdentityStatements({ issuer, signingKeys, now: () => time });
  const first = statements.about(jira, ANN);
  time += 29_000;
  assert.equal(statements.about(jira, ANN), first);
  time += 2_000;
  const second = statements.about(jira, ANN);
  assert.notEqual(second, first);
  time -= 10_000;
  assert.notEqual(statements.about(jira, ANN), second);
});

test('nobody gets a statement about another person, or for another upstream', () => {
  const statements = createIdentityStatements({ issuer, signingKeys });
  const other = httpUpstream('https://wiki.example.com/mcp', { identityHeader: 'X-Caller' });
  const subjects = [ANN, BOT, ANN].map((principal) => decodeJwt(statements.about(jira, principal)).sub);
  assert.deepEqual(subjects, ['usr_ann', 'sva_bot', 'usr_ann']);
  assert.equal(decodeJwt(statements.about(other, ANN)).aud, 'https://wiki.example.com/mcp');
  assert.equal(decodeJwt(statements.about(jira, ANN)).aud, 'https://jira.example.com/mcp');
});

test('a gateway that signs nothing makes no call unsigned', () => {
  const statements = createIdentityStatements({ issuer, signingKeys: null });
  assert.throws(() => statements.about(jira, ANN), { code: 'upstream_unavailable', message: /oauth\.enabled/ });
});
