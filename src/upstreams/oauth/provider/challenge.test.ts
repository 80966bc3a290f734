import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChallenge } from './challenge.ts';

const METADATA = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';

test('the parameters of a Bearer challenge are read, quoted or not, in any case and order', () => {
  const expected = { status: 401, resourceMetadata: METADATA, scopes: ['repo', 'read:org'], error: 'invalid_token' };
  for (const header of [
    `Bearer resource_metadata="${METADATA}", scope="repo read:org", error="invalid_token"`,
    `bearer error=invalid_token,scope="repo  read:org repo" , Resource_Metadata = "${METADATA}"`,
    `Bearer realm="a \\"quoted\\" realm, with commas", error="invalid_token", scope="repo read:org", resource_metadata="${METADATA}"`,
  ]) {
    assert.deepEqual(readChallenge(401, header), expected, header);
  }
});

test('a Bearer challenge is found among others, in one field or several', () => {
  const bearer = `Bearer scope="repo", resource_metadata="${METADATA}"`;
  const expected = { status: 401, resourceMetadata: METADATA, scopes: ['repo'], error: null };
  for (const header of [
    `Basic realm="x", ${bearer}`,
    `Negotiate YWJjZGVm==, ${bearer}`,
    `Negotiate, ${bearer}, DPoP algs="ES256", scope="other"`,
    `DPoP scope="other", ${bearer}`,
    ['Digest realm="x", nonce=abc', bearer],
    ['Bearer', bearer],
  ]) {
    assert.deepEqual(readChallenge(401, header), expected, String(header));
  }
});

test('a 401 is a challenge also when nothing says more, and never with what stands in another scheme', () => {
  const bare = { status: 401, resourceMetadata: null, scopes: [], error: null };
  for (const header of [
    undefined,
    '',
    [],
    'Bearer',
    'Basic realm="x", scope="repo"',
    '"',
    'Bearer scope="open',
    '=',
    ',,,',
  ]) {
    assert.deepEqual(readChallenge(401, header), bare, String(header));
  }
});

test('a 403 is a challenge only for insufficient_scope, which a new token can cure', () => {
  const header = `Bearer error="insufficient_scope", scope="files:write", resource_metadata="${METADATA}"`;
  assert.deepEqual(readChallenge(403, header), {
    status: 403,
    resourceMetadata: METADATA,
    scopes: ['files:write'],
    error: 'insufficient_scope',
  });
  for (const other of [undefined, 'Bearer error="invalid_token"', 'Basic error="insufficient_scope"']) {
    assert.equal(readChallenge(403, other), null, String(other));
  }
});

test('no other status is a challenge, whatever its headers say', () => {
  for (const status of [200, 400, 404, 407, 500]) assert.equal(readChallenge(status, 'Bearer scope="repo"'), null);
});

test('hostile headers are read in time and bounded: no scope that could break out of a request, no endless list', () => {
  assert.deepEqual(readChallenge(401, 'Bearer scope="a\\"b c\\\\d é ok"')?.scopes, ['ok']);
  assert.equal(readChallenge(401, `Bearer scope="${'x '.repeat(4000)}"`)?.scopes.length, 1);
  const many = Array.from({ length: 500 }, (_, i) => `s${i}`).join(' ');
  assert.equal(readChallenge(401, `Bearer scope="${many}"`)?.scopes.length, 100);
  assert.deepEqual(readChallenge(401, `Bearer scope="repo", x="${'a'.repeat(10_000)}"`)?.scopes, []);
  assert.equal(readChallenge(401, `Bearer ${'a '.repeat(4000)}`)?.resourceMetadata, null);
});
