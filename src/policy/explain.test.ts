import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Caller } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import { createDecisionTable } from './decision-table.ts';
import { explain } from './explain.ts';
import { createPolicyEngine } from './policy-engine.ts';

const role = (name: string, allow: Role['allow'], deny: Role['deny'] = []): Role => ({
  name,
  description: '',
  allow,
  deny,
});
const engine = createPolicyEngine({
  roles: [
    role('reader', [{ upstream: 'github', tools: ['get_*'] }]),
    role('writer', [{ upstream: 'github' }]),
    role('idle', []),
  ],
});
const table = createDecisionTable(engine);
const target = (name: string) => ({
  upstream: 'github',
  kind: 'tool' as const,
  name,
  readOnly: false,
  destructive: false,
});
const caller = (roles: readonly string[], restriction?: Caller['restriction']): Caller => ({
  tenantId: 'default',
  principal: { kind: 'user', id: 'usr_1', name: 'alice' },
  agent: { kind: 'access_key', id: 'key_1', name: 'ci' },
  roles,
  ...(restriction === undefined ? {} : { restriction }),
});

test('a deny names what is missing: roles that would allow it, and assigned ones that do not exist', () => {
  const explanation = explain(engine, table, caller(['ghost', 'owner', 'reader']), target('create'));
  assert.equal(explanation.decision.allowed, false);
  assert.deepEqual(explanation.rolesThatWouldAllow, [{ role: 'writer', everything: false }]);
  assert.deepEqual(explanation.unknownRoles, ['ghost']);
});

test('every check is shown, and an allow with the rules that made it', () => {
  const explanation = explain(
    engine,
    table,
    caller(['writer'], { roles: ['reader'], tools: ['github__*'] }),
    target('get_x'),
  );
  assert.deepEqual(
    explanation.checks.map(({ check, passed }) => [check, passed]),
    [
      ['roles', true],
      ['key roles', true],
      ['key tools', true],
    ],
  );
  assert.deepEqual(
    explanation.rules.map(({ id, effect }) => [id, effect]),
    [
      ['writer/allow/0', 'permit'],
      ['reader/allow/0', 'permit'],
    ],
  );
  assert.match(explanation.rules[0]!.cedar, /^@id\("writer\/allow\/0"\)/);
  assert.deepEqual(explanation.rolesThatWouldAllow, []);
});

test('a deny by the key shows which check failed', () => {
  const explanation = explain(engine, table, caller(['writer'], { roles: [], tools: ['jira__*'] }), target('get_x'));
  assert.deepEqual(explanation.checks.at(-1), {
    check: 'key tools',
    passed: false,
    reason: 'github__get_x matches none of jira__*',
  });
});

test('the role that allows the least is suggested first, and one for everything last, whatever there is to call now', () => {
  const roles = [
    role('a-everything', [{ upstream: '*' }]),
    role('b-all-of-github', [{ upstream: 'github' }]),
    role('c-writes', [{ upstream: 'github', tools: ['create_*'] }]),
    role('d-exactly', [{ upstream: 'github', tools: ['create_issue'] }]),
  ];
  const many = createPolicyEngine({ roles });
  const names = ['create_issue', 'create_branch', 'merge'];
  const asked = target('create_issue');
  const suggested = (existing: readonly string[]) =>
    explain(many, createDecisionTable(many), caller([]), asked, existing.map(target)).rolesThatWouldAllow;
  assert.deepEqual(suggested(names), [
    { role: 'd-exactly', everything: false },
    { role: 'c-writes', everything: false },
    { role: 'b-all-of-github', everything: false },
    { role: 'a-everything', everything: true },
  ]);
  assert.deepEqual(suggested([]).slice(2), suggested(names).slice(2));
});

test('where nothing allows it, a role is proposed that allows it and nothing else; where something denies it, none', () => {
  const { newRole } = explain(engine, table, caller(['idle']), target('create'));
  assert.deepEqual(newRole, { name: 'github-create', allow: [{ upstream: 'github', tools: ['create'] }] });
  const resource = { ...target('file:///a b.txt'), kind: 'resource' as const };
  assert.deepEqual(explain(engine, table, caller([]), resource).newRole, {
    name: 'github-file-a-b-txt',
    allow: [{ upstream: 'github', resources: ['file:///a b.txt'] }],
  });
  const strict = createPolicyEngine({ roles: [role('no', [], [{ upstream: '*' }]), role('github-create', [])] });
  const strictTable = createDecisionTable(strict);
  assert.equal(explain(strict, strictTable, caller(['no']), target('create')).newRole, null);
  assert.equal(explain(strict, strictTable, caller([]), target('create')).newRole!.name, 'github-create-2');
});
