import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCredentialInQuery, presentedCredential } from './presented-credential.ts';

const code = (expected: string) => (error: Error & { code?: string }) => error.code === expected;

test('a credential is taken from each of the three headers', () => {
  assert.equal(presentedCredential({ authorization: 'Bearer tgp_x' }), 'tgp_x');
  assert.equal(presentedCredential({ authorization: 'bearer   tgp_x' }), 'tgp_x');
  assert.equal(presentedCredential({ 'x-api-key': 'tgp_x' }), 'tgp_x');
  assert.equal(presentedCredential({ 'x-toolgate-key': 'tgp_x' }), 'tgp_x');
  assert.equal(presentedCredential({ cookie: 'authorization=tgp_x' }), undefined);
});

test('two of them are ambiguous, also when they are equal', () => {
  assert.throws(
    () => presentedCredential({ authorization: 'Bearer a', 'x-api-key': 'a' }),
    code('credential_ambiguous'),
  );
  assert.throws(() => presentedCredential({ 'x-toolgate-key': 'a', 'x-api-key': 'a' }), code('credential_ambiguous'));
});

test('other schemes and malformed ones are invalid, never anonymous', () => {
  for (const authorization of ['Basic abc', 'Bearer', 'Bearer ', 'tgp_x', '', 'Bearer a b', 'Bearer ä']) {
    assert.throws(() => presentedCredential({ authorization }), code('credential_invalid'), authorization);
  }
});

test('what looks like a credential in a query is found, other parameters are not', () => {
  for (const query of [
    'access_token=x',
    'a=b&token=x',
    'api_key=x',
    'apiKey=x',
    'q=tgp_abcdefgh1',
    'Authorization=Bearer',
  ]) {
    assert.ok(hasCredentialInQuery(`/users?${query}`), query);
  }
  for (const query of ['limit=5', 'name=keyboard', 'monkey=1', ''])
    assert.ok(!hasCredentialInQuery(`/users?${query}`), query);
  assert.ok(!hasCredentialInQuery('/token=1'));
});
