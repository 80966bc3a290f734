import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor } from './error-kind.ts';

test('what a provider may not like of a request that nobody asked for is named', () => {
  assert.match(adviceFor('invalid_target', null), /sendResource: false/);
  assert.match(adviceFor('invalid_request', 'AADSTS9010010: The resource parameter'), /sendResource: false/);
  assert.match(
    adviceFor('not_allowed', 'Offline tokens not allowed for the user or client'),
    /without `offline_access`/,
  );
  assert.match(adviceFor('invalid_scope', 'Invalid scopes: mcp:read offline_access'), /without `offline_access`/);
  assert.equal(adviceFor('invalid_scope', 'Invalid scopes: mcp:read'), '');
  assert.equal(adviceFor('access_denied', undefined), '');
});
