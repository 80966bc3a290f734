import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scopeLines } from './scope-words.ts';

const textOf = (scope: string, preset: string | null): string | null => scopeLines([scope], preset)[0]!.text;

test('a provider’s own scopes are put into words only where the upstream is declared to be there', () => {
  assert.equal(textOf('repo', 'github'), 'Read and change your repositories, also private ones');
  assert.equal(textOf('repo', null), null);
  assert.equal(textOf('repo', 'linear'), null);
  assert.notEqual(textOf('read', 'linear'), null);
  assert.equal(textOf('read', 'github'), null);
});

test('what OpenID Connect defines means the same everywhere', () => {
  for (const preset of [null, 'github', 'keycloak', 'nobody']) {
    assert.equal(textOf('email', preset), 'Read your e-mail address');
  }
});

test('what is not known, also by names that every object has, is shown as it is', () => {
  for (const scope of ['mcp:read', 'constructor', '__proto__', 'toString']) {
    for (const preset of [null, 'github', 'constructor', '__proto__']) assert.equal(textOf(scope, preset), null, scope);
  }
  assert.deepEqual(
    scopeLines(['b', 'a', 'b'], null).map(({ scope }) => scope),
    ['b', 'a', 'b'],
  );
});
