import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SafeFetchError } from '../../../lib/safe-fetch-error.ts';
import { Secret } from '../../../lib/secret.ts';
import { ProviderFailure, quoted, unanswered } from './provider-failure.ts';

test('a message is one printable line of at most 200 characters, whatever it is made of', () => {
  const hostile = new ProviderFailure('protocol', `a\nb\u001b[2J\u202e${'😀'.repeat(300)}`);
  assert.match(hostile.detail, /^a\\u000ab\\u001b\[2J\\u202e/);
  assert.ok(hostile.detail.length <= 200);
  assert.ok(hostile.detail.isWellFormed());
});

test('words of a provider stand in quotes that they cannot leave, shortened, without secrets', () => {
  assert.equal(quoted('no” or “yes'), '“no" or "yes”');
  assert.ok(quoted('x'.repeat(1000)).length <= 82);
  const said = quoted('bad token s3cret and ghp_012345678901234567890123 and eyJhbGciOiJ.eyJzdWIiOiJ.x', [
    new Secret('s3cret'),
    null,
  ]);
  assert.doesNotMatch(said, /s3cret|ghp_|eyJ/);
});

test('a secret is found as it stands in a form, in a URL and in an Authorization header', () => {
  const value = 's3cr+t/:ü &x';
  const form = new URLSearchParams({ client_secret: value }).toString().split('=')[1]!;
  for (const text of [
    form,
    form.toLowerCase(),
    encodeURIComponent(value),
    `Basic ${Buffer.from(`id:${encodeURIComponent(value)}`).toString('base64')}`,
    Buffer.from(value).toString('base64url'),
  ]) {
    const said = quoted(`got ${text}!`, [new Secret(value)]);
    assert.match(said, /^“got (?:Basic )?\[redacted\][=]*!”$/, text);
  }
});

test('an empty secret takes nothing out of a text', () => {
  assert.equal(quoted('abc', [new Secret('')]), '“abc”');
});

test('what was not answered is worth another try only when the network was in the way', () => {
  for (const [code, kind] of [
    ['timeout', 'transient'],
    ['unreachable', 'transient'],
    ['address_not_allowed', 'metadata'],
    ['url_not_allowed', 'metadata'],
    ['redirected', 'metadata'],
    ['too_large', 'metadata'],
  ] as const) {
    assert.equal(unanswered(new SafeFetchError(code, 'why'), 'It').kind, kind);
  }
  assert.equal(unanswered(new TypeError('x'), 'It').kind, 'protocol');
  const known = new ProviderFailure('denied', 'x');
  assert.equal(unanswered(known, 'It'), known);
});
