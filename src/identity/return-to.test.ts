import assert from 'node:assert/strict';
import { test } from 'node:test';
import { returnTo } from './return-to.ts';

// Everything hostile is in test/attacks/open-redirect.test.ts.
test('a path below an allowed one is kept as it is, with its query', () => {
  const paths = ['/t1/oauth/'];
  const good = '/t1/oauth/interaction/x-_1?a=b&c=%20#d';
  assert.equal(returnTo(good, paths), good);
  for (const other of ['/oauth/interaction/x', '/t1/oauth', '/t1', '/t2/oauth/x', undefined, ['/t1/oauth/x']]) {
    assert.equal(returnTo(other, paths), '/');
  }
});

test('a path without a slash at its end is allowed alone', () => {
  const paths = ['/connect'];
  for (const good of ['/connect', '/connect?a=b']) assert.equal(returnTo(good, paths), good);
  for (const other of ['/connect/', '/connect/x', '/connections']) assert.equal(returnTo(other, paths), '/');
});
