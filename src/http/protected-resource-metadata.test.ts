import assert from 'node:assert/strict';
import { test } from 'node:test';
import { protectedResourceMetadata, resourceMetadataUrl, resourcePathOf } from './protected-resource-metadata.ts';

const PUBLIC_URL = 'https://mcp.example.com';
const ROOT = '/.well-known/oauth-protected-resource';

const PATHS: readonly [path: string, resource: string | null][] = [
  [ROOT, '/mcp'],
  [`${ROOT}/mcp`, '/mcp'],
  [`${ROOT}/mcp/github`, '/mcp/github'],
  [`${ROOT}/mcp/never-declared`, '/mcp/never-declared'],
  [`${ROOT}/`, null],
  [`${ROOT}/mcp/`, null],
  [`${ROOT}/mcp/a/b`, null],
  [`${ROOT}/mcp/../admin`, null],
  [`${ROOT}/mcp/GitHub`, null],
  [`${ROOT}/mcp/git%68ub`, null],
  [`${ROOT}/mcp/${'a'.repeat(33)}`, null],
  [`${ROOT}/api`, null],
  [`${ROOT}x/mcp`, null],
  ['/mcp', null],
  ['/', null],
];
for (const [path, resource] of PATHS) {
  test(`${path} is about ${resource ?? 'nothing'}`, () => assert.equal(resourcePathOf(path), resource));
}

for (const resource of ['/mcp', '/mcp/github']) {
  test(`the metadata of ${resource} is where its challenge says, and names exactly its URL`, () => {
    const url = new URL(resourceMetadataUrl(PUBLIC_URL, resource));
    assert.equal(url.href, `${PUBLIC_URL}${ROOT}${resource}`);
    assert.equal(resourcePathOf(url.pathname), resource);
    assert.equal(protectedResourceMetadata(PUBLIC_URL, resource, []).resource, `${PUBLIC_URL}${resource}`);
  });
}

test('bearer tokens belong into the header, and no authorization server is invented', () => {
  assert.deepEqual(protectedResourceMetadata(PUBLIC_URL, '/mcp/github', []), {
    resource: 'https://mcp.example.com/mcp/github',
    resource_name: 'Toolgate: github',
    bearer_methods_supported: ['header'],
  });
});

test('with authorization servers, their issuers and the scope of the resource are named, and no upstream is', () => {
  const metadata = protectedResourceMetadata(PUBLIC_URL, '/mcp', [PUBLIC_URL, 'https://idp.example.com']);
  assert.deepEqual(metadata.authorization_servers, [PUBLIC_URL, 'https://idp.example.com']);
  assert.deepEqual(metadata.scopes_supported, ['mcp']);
  assert.deepEqual(protectedResourceMetadata(PUBLIC_URL, '/mcp/github', [PUBLIC_URL]).scopes_supported, ['mcp:github']);
});
