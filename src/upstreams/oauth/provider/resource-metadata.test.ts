import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discover, startWorld } from '../../../../test/fakes/discovery-world.ts';
import { serveFixed } from '../../../../test/fakes/fixed-answers.ts';
import { failsAs } from '../../../../test/fakes/provider-failures.ts';

const PRM = '/.well-known/oauth-protected-resource';

test('without a word in the 401, metadata is looked for below the path and then at the root', async () => {
  await using below = await startWorld({ metadata: 'path' });
  assert.match((await discover(below.upstream.url)).via, /^resource metadata of its path/);
  await using root = await startWorld({ metadata: 'root' });
  const found = await discover(root.upstream.url);
  assert.match(found.via, /^resource metadata of its origin/);
  assert.equal(found.resource, new URL(root.upstream.url).origin, 'what it calls itself is what tokens are asked for');
  const gets = root.upstream.received.filter(({ method }) => method === 'GET').map(({ path }) => path);
  assert.deepEqual(gets, [`${PRM}/mcp`, PRM]);
});

test('resource metadata of another origin or path is refused before any provider is asked', async () => {
  await using place = await startWorld();
  const { upstream, provider } = place;
  const { origin } = new URL(upstream.url);
  const others = [
    'https://evil.example/mcp',
    `${origin}/mcp/deeper`,
    `${origin}/mc`,
    `${origin}.evil.example/mcp`,
    'x',
  ];
  for (const resource of others) {
    upstream.resource = resource;
    await assert.rejects(
      discover(upstream.url),
      failsAs('metadata', /which is not the URL that it has here/),
      resource,
    );
  }
  assert.equal(provider.requests.length, 0);
  for (const resource of [origin, `${origin}/`, upstream.url, `${upstream.url}/`]) {
    upstream.resource = resource;
    assert.equal((await discover(upstream.url)).resource, resource);
  }
});

test('a page for people, an array or a text is no metadata', async () => {
  for (const body of ['<html></html>', [], '"text"', 'null']) {
    await using up = await serveFixed(() => ({ '/mcp': { status: 401 }, [`${PRM}/mcp`]: { body }, [PRM]: { body } }));
    assert.match((await discover(`${up.origin}/mcp`)).via, /^origin of the upstream/);
  }
});

test('metadata in the 401 that leads elsewhere than https is refused, and a redirect is not followed', async () => {
  for (const url of ['http://169.254.169.254/x', 'file:///etc/passwd', 'https', 'http://internal.example/']) {
    await using up = await serveFixed(() => ({
      '/mcp': { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${url}"` } },
    }));
    await assert.rejects(discover(`${up.origin}/mcp`), failsAs('metadata', /which is not fetched/));
  }
  await using target = await serveFixed(() => ({}));
  await using up = await serveFixed(() => ({
    '/mcp': { status: 401 },
    [`${PRM}/mcp`]: { status: 302, headers: { location: `${target.origin}/stolen` } },
  }));
  await assert.rejects(discover(`${up.origin}/mcp`), failsAs('metadata', /redirect/));
  assert.deepEqual(target.requests, []);
});
