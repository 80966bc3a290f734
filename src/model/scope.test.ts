import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from './decision.ts';
import { parseScope, scopeFor, scopeOfResource, scopesCover, scopesInclude } from './scope.ts';

const tool = (name: string, readOnly = false, upstream = 'jira'): Target => ({
  upstream,
  kind: 'tool',
  name,
  readOnly,
  destructive: false,
});

test('a scope covers what it names and nothing beside it', () => {
  const cases: [scope: string, target: Target, covered: boolean][] = [
    ['mcp', tool('create'), true],
    ['mcp:jira', tool('create'), true],
    ['mcp:jira', tool('create', false, 'jira2'), false],
    ['mcp:jira:create', tool('create'), true],
    ['mcp:jira:create', tool('create2'), false],
    ['mcp:jira:create', { ...tool('create'), kind: 'prompt' }, false],
    ['mcp:jira:read', tool('search', true), true],
    ['mcp:jira:read', tool('create'), false],
    ['mcp:jira:read', { ...tool('issue://1'), kind: 'resource' }, true],
    ['mcp:jira:read', { ...tool('triage'), kind: 'prompt' }, true],
    ['mcp:', tool('create'), false],
    ['MCP', tool('create'), false],
    ['mcp:jira:', tool('create'), false],
    ['mcp:*', tool('create'), false],
    ['openid', tool('create'), false],
  ];
  for (const [scope, target, covered] of cases) {
    assert.equal(scopesCover([scope], target), covered, `${scope} / ${target.name}`);
  }
  assert.equal(scopesCover([], tool('create')), false);
});

test('a tool that is called "read" and writes is not covered by the scope for reading', () => {
  assert.equal(scopesCover(['mcp:jira:read'], tool('read')), false);
  assert.equal(scopesCover(['mcp:jira'], tool('read')), true);
});

test('a wider scope includes a narrower one, never the other way round', () => {
  assert.ok(scopesInclude(['mcp'], 'mcp:jira'));
  assert.ok(scopesInclude(['mcp:jira'], 'mcp:jira:read'));
  assert.ok(scopesInclude(['openid', 'mcp:jira:read'], 'mcp:jira:read'));
  assert.ok(!scopesInclude(['mcp:jira:read'], 'mcp:jira'));
  assert.ok(!scopesInclude(['mcp:jira'], 'mcp'));
  assert.ok(!scopesInclude(['mcp:jira'], 'mcp:github'));
  assert.ok(!scopesInclude(['mcp'], 'openid'));
});

test('the scope that a challenge names covers its target', () => {
  for (const target of [tool('create'), tool('search', true), { ...tool('x://y'), kind: 'resource' } as Target]) {
    assert.ok(scopesCover([scopeFor(target)], target));
  }
  assert.equal(scopeFor(tool('search', true)), 'mcp:jira:read');
  assert.equal(scopeOfResource('/mcp'), 'mcp');
  assert.equal(scopeOfResource('/mcp/jira'), 'mcp:jira');
  assert.deepEqual(parseScope('mcp:jira:create'), { upstream: 'jira', part: 'create' });
});
