import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller, KeyRestriction } from '../model/principal.ts';
import type { Role, RoleRule } from '../model/role.ts';
import { mayUseUpstream } from './may-use-upstream.ts';

const role = (name: string, allow: readonly RoleRule[], deny: readonly RoleRule[] = []): Role => ({
  name,
  description: '',
  allow,
  deny,
});
const ROLES = [
  role('git', [{ upstream: 'git*', tools: ['get_*'] }]),
  role('all', [{ upstream: '*' }]),
  role('none', []),
  role('no-git', [], [{ upstream: 'git*' }]),
  role('no-git-tools', [], [{ upstream: 'git*', tools: ['*'] }]),
  role('no-writing', [], [{ upstream: '*', when: { readOnly: false } }]),
];

function mayUse(roles: string[], upstream: string, restriction?: Partial<KeyRestriction>): boolean {
  const caller: Caller = {
    tenantId: 'default',
    principal: { kind: 'user', id: 'usr_1', name: 'ann' },
    agent: { kind: 'access_key', id: 'key_1', name: 'key' },
    roles,
    ...(restriction !== undefined && { restriction: { roles: [], tools: [], ...restriction } }),
  };
  return mayUseUpstream(ROLES, caller, upstream);
}

test('a role opens the upstreams of its rules, and a role without rules or that is not defined opens none', () => {
  assert.equal(mayUse(['git'], 'github'), true);
  assert.equal(mayUse(['git'], 'jira'), false);
  for (const roles of [[], ['none'], ['no-such-role'], ['owner'], ['no-git']])
    assert.equal(mayUse(roles, 'github'), false);
});

test('a rule that denies a whole upstream closes it; one that denies some of it may leave something', () => {
  assert.equal(mayUse(['all', 'no-git'], 'github'), false);
  assert.equal(mayUse(['all', 'no-git'], 'jira'), true);
  assert.equal(mayUse(['all', 'no-git-tools'], 'github'), true);
  assert.equal(mayUse(['all', 'no-writing'], 'github'), true);
});

test('a key takes away by its roles and by its filter, and gives nothing', () => {
  assert.equal(mayUse(['all'], 'github', { roles: ['git'] }), true);
  assert.equal(mayUse(['all'], 'jira', { roles: ['git'] }), false);
  assert.equal(mayUse(['git'], 'jira', { roles: ['all'] }), false);
  for (const glob of ['*', 'github__*', 'git*', '*_issue', 'github__get_issue', 'github_*'])
    assert.equal(mayUse(['all'], 'github', { tools: ['jira__*', glob] }), true, glob);
  for (const glob of ['jira__*', 'github', 'githu__*', 'github2__*', 'get_*', 'GITHUB__*'])
    assert.equal(mayUse(['all'], 'github', { tools: [glob] }), false, glob);
});
