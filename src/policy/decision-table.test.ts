import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../model/decision.ts';
import type { Caller, KeyRestriction } from '../model/principal.ts';
import type { Role } from '../model/role.ts';
import { createDecisionTable } from './decision-table.ts';
import { createPolicyEngine } from './policy-engine.ts';

const role = (name: string, allow: Role['allow'], deny: Role['deny'] = []): Role => ({
  name,
  description: '',
  allow,
  deny,
});
const target = (name: string, more: Partial<Target> = {}): Target => ({
  upstream: 'github',
  kind: 'tool',
  name,
  readOnly: false,
  destructive: false,
  ...more,
});
const caller = (roles: readonly string[], restriction?: Partial<KeyRestriction>): Caller => ({
  tenantId: 'default',
  principal: { kind: 'user', id: 'usr_1', name: 'alice' },
  agent: { kind: 'access_key', id: 'key_1', name: 'ci' },
  roles,
  ...(restriction === undefined ? {} : { restriction: { roles: [], tools: [], ...restriction } }),
});

const everything = role('everything', [{ upstream: '*' }]);
const reader = role('reader', [{ upstream: '*', tools: ['get_*'] }]);
const table = (...roles: Role[]) => createDecisionTable(createPolicyEngine({ roles }));
const allows = (of: ReturnType<typeof table>, who: Caller, what: Target): boolean => {
  const answer = of.decide(who, what).allowed;
  assert.equal(of.isAllowed(who, what), answer);
  assert.equal(of.allowedOf(who, [what]).length === 1, answer);
  return answer;
};

test('a key with roles has what both its roles and its owner have', () => {
  const rows = table(everything, reader);
  assert.equal(allows(rows, caller(['everything'], { roles: ['reader'] }), target('get_x')), true);
  assert.equal(allows(rows, caller(['everything'], { roles: ['reader'] }), target('set_x')), false);
  assert.equal(allows(rows, caller(['reader'], { roles: ['everything'] }), target('set_x')), false);
});

test('a key never adds: roles and filters that its owner does not have give nothing', () => {
  const rows = table(everything, reader);
  assert.equal(allows(rows, caller([], { roles: ['everything'], tools: ['*'] }), target('get_x')), false);
  assert.equal(allows(rows, caller(['everything'], { roles: ['ghost'] }), target('get_x')), false);
  assert.equal(allows(rows, caller(['everything'], { tools: ['nothing__*'] }), target('get_x')), false);
});

test("the denies of a key's roles count too", () => {
  const rows = table(everything, role('no-delete', [{ upstream: '*' }], [{ upstream: '*', tools: ['delete_*'] }]));
  assert.equal(allows(rows, caller(['everything'], { roles: ['no-delete'] }), target('delete_x')), false);
});

test('the tool filter of a key holds for prompts and resources as well', () => {
  const rows = table(everything);
  const filtered = caller(['everything'], { tools: ['github__get_*'] });
  assert.equal(allows(rows, filtered, target('get_x')), true);
  assert.equal(allows(rows, filtered, target('set_x')), false);
  assert.equal(allows(rows, filtered, target('get_x', { upstream: 'jira' })), false);
  assert.equal(allows(rows, filtered, target('file:///x', { kind: 'resource' })), false);
  const whole = caller(['everything'], { tools: ['github__*'] });
  assert.equal(allows(rows, whole, target('file:///x', { kind: 'resource' })), true);
  assert.equal(allows(rows, whole, target('review', { kind: 'prompt' })), true);
});

test('the reason says whether roles or the key denied', () => {
  const rows = table(everything, reader);
  assert.match(rows.decide(caller(['reader']), target('set_x')).reason, /^role reader does not allow/);
  assert.match(
    rows.decide(caller(['everything'], { roles: ['reader'] }), target('set_x')).reason,
    /^the access key ci is limited: role reader/,
  );
  assert.match(
    rows.decide(caller(['everything'], { tools: ['x'] }), target('set_x')).reason,
    /^the access key ci is limited: its tool filter/,
  );
  assert.deepEqual(rows.decide(caller(['everything'], { roles: ['reader'] }), target('get_x')).rules, [
    'everything/allow/0',
    'reader/allow/0',
  ]);
});

test('annotations belong to the question: a tool that becomes destructive is decided anew', () => {
  const rows = table(role('r', [{ upstream: '*', tools: ['*'], when: { readOnly: true } }]));
  assert.equal(allows(rows, caller(['r']), target('x', { readOnly: true })), true);
  assert.equal(allows(rows, caller(['r']), target('x', { readOnly: false })), false);
});

test('the same name means different things by kind and upstream', () => {
  const rows = table(role('r', [{ upstream: 'github', prompts: ['x'] }]));
  assert.equal(allows(rows, caller(['r']), target('x', { kind: 'prompt' })), true);
  assert.equal(allows(rows, caller(['r']), target('x')), false);
  assert.equal(allows(rows, caller(['r']), target('x', { kind: 'prompt', upstream: 'jira' })), false);
});

test('nothing that was decided survives a replacement of the policy', () => {
  const engine = createPolicyEngine({ roles: [everything] });
  const rows = createDecisionTable(engine);
  const who = caller(['everything']);
  assert.equal(rows.isAllowed(who, target('x')), true);
  engine.replace([role('everything', [])]);
  assert.equal(rows.isAllowed(who, target('x')), false);
  assert.equal(rows.decide(who, target('x')).allowed, false);
  assert.deepEqual(rows.allowedOf(who, [target('x')]), []);
});

test('roles whose names run together are not confused', () => {
  const rows = table(role('a,b', [{ upstream: '*' }]), role('a', []), role('b', []));
  assert.equal(allows(rows, caller(['a,b']), target('x')), true);
  assert.equal(allows(rows, caller(['a', 'b']), target('x')), false);
});

test('memory is bounded in sets of roles and in answers', () => {
  const rows = createDecisionTable(createPolicyEngine({ roles: [everything] }), { rows: 4, cells: 100 });
  for (let set = 0; set < 20; set++)
    for (let i = 0; i < 40; i++) assert.equal(rows.isAllowed(caller(['everything', `z${set}`]), target(`t${i}`)), true);
  assert.ok(rows.size.rows <= 4);
  assert.ok(rows.size.cells <= 100);
  const one = caller(['everything']);
  assert.equal(
    rows.allowedOf(
      one,
      Array.from({ length: 500 }, (_, i) => target(`u${i}`)),
    ).length,
    500,
  );
  assert.ok(rows.size.cells <= 100);
  assert.equal(rows.isAllowed(one, target('u1')), true);
});

test('long names are decided but not kept', () => {
  const rows = table(everything);
  assert.equal(allows(rows, caller(['everything']), target(`file:///${'x'.repeat(1000)}`, { kind: 'resource' })), true);
  assert.equal(rows.size.cells, 0);
});
