import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMcpPath, mountOf, resourcePath } from './mount.ts';

test('/mcp shows all upstreams, /mcp/{upstream} one', () => {
  assert.deepEqual(mountOf('/mcp'), { upstream: null });
  assert.deepEqual(mountOf('/mcp/'), { upstream: null });
  assert.deepEqual(mountOf('/mcp?x=1'), { upstream: null });
  assert.deepEqual(mountOf('/mcp/jira-2'), { upstream: 'jira-2' });
  assert.equal(resourcePath(mountOf('/mcp/jira-2')), '/mcp/jira-2');
});

for (const path of [
  '/mcp/../admin',
  '/mcp/Jira',
  '/mcp/a/b',
  '/mcp/%6aira',
  `/mcp/${'a'.repeat(33)}`,
  '/mcp//x',
  '/mcp/gıthub',
]) {
  test(`${path} is not found`, () => assert.throws(() => mountOf(path), { code: 'not_found' }));
}

for (const query of ['access_token=x', 'a=1&api_key=x', 'apikey=x', 'x=tgp_abcdefgh12', 'TOKEN=1']) {
  test(`a credential in the query (${query}) is refused`, () => {
    assert.throws(() => mountOf(`/mcp?${query}`), { code: 'credential_in_url' });
  });
}

test('paths beside the endpoint are not MCP', () => {
  assert.equal(isMcpPath('/mcpx'), false);
  assert.equal(isMcpPath('/api/v1/mcp'), false);
});
