import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Target } from '../model/decision.ts';
import type { Role } from '../model/role.ts';
import { createPolicyEngine } from './policy-engine.ts';

const role = (name: string, allow: Role['allow'], deny: Role['deny'] = []): Role => ({
  name,
  description: '',
  allow,
  deny,
});
const tool = (name: string, more: Partial<Target> = {}): Target => ({
  upstream: 'github',
  kind: 'tool',
  name,
  readOnly: false,
  destructive: false,
  ...more,
});

const engineer = role(
  'engineer',
  [
    { upstream: 'github', tools: ['get_*'] },
    { upstream: '*', when: { readOnly: true } },
  ],
  [{ upstream: '*', when: { destructive: true } }],
);
const denying = role('careful', [], [{ upstream: 'github', tools: ['get_secret'] }]);

test('a decision names the rule that made it', () => {
  const engine = createPolicyEngine({ roles: [engineer, denying] });
  assert.deepEqual(engine.decide(['engineer'], tool('get_issue')), {
    allowed: true,
    reason: 'engineer/allow/0: role engineer allows tools get_* of github',
    rules: ['engineer/allow/0'],
  });
  assert.deepEqual(engine.decide(['engineer'], tool('get_issue', { destructive: true })).rules, ['engineer/deny/0']);
  assert.match(engine.decide(['engineer'], tool('get_issue', { readOnly: true })).reason, /\(and 1 more rule\)$/);
});

test('nothing is allowed by default', () => {
  const engine = createPolicyEngine({ roles: [engineer] });
  assert.deepEqual(engine.decide([], tool('get_issue')), {
    allowed: false,
    reason: 'no role is assigned, so no tool is allowed',
    rules: [],
  });
  assert.equal(engine.decide(['engineer'], tool('create')).reason, 'role engineer does not allow this tool');
  assert.equal(engine.decide(['ghost', 'owner'], tool('get_issue')).allowed, false);
  assert.equal(engine.decide(['engineer'], tool('get_x', { kind: 'prompt' })).allowed, false);
});

test('a deny of any role wins over every allow', () => {
  const engine = createPolicyEngine({ roles: [engineer, denying] });
  const decision = engine.decide(['careful', 'engineer'], tool('get_secret'));
  assert.deepEqual([decision.allowed, decision.rules], [false, ['careful/deny/0']]);
});

test('Cedar text adds to the roles, and a forbid in it wins', () => {
  const cedar = `@id("no-secrets") @reason("nothing secret leaves")
    forbid (principal, action, resource) when { resource.name like "*secret*" };
    permit (principal in Toolgate::Role::"engineer", action, resource == Toolgate::Prompt::"github/review");`;
  const engine = createPolicyEngine({ roles: [engineer], cedar });
  assert.equal(engine.decide(['engineer'], tool('get_secret')).reason, 'cedar/no-secrets: nothing secret leaves');
  assert.equal(engine.decide(['engineer'], tool('review', { kind: 'prompt' })).allowed, true);
  assert.equal(engine.decide(['engineer'], tool('review', { kind: 'prompt', upstream: 'gitlab' })).allowed, false);
});

test('a policy that fails on a request denies it, because it might have been a forbid', () => {
  const faults: unknown[] = [];
  const cedar = `forbid (principal, action, resource) when { resource.name like "x*" && 9223372036854775807 + 1 == 1 };`;
  const engine = createPolicyEngine({ roles: [engineer], cedar, onFault: (error) => faults.push(error) });
  const decision = engine.decide(['engineer'], tool('x_get', { readOnly: true }));
  assert.equal(decision.allowed, false);
  assert.match(decision.reason, /could not be evaluated: cedar\/0: .*overflow/);
  assert.equal(faults.length, 1);
  assert.equal(engine.decide(['engineer'], tool('get_x')).allowed, true);
});

test('names that look like Cedar values, entities or object members are only names', () => {
  const engine = createPolicyEngine({ roles: [role('r', [{ upstream: '*', tools: ['{"__entity"*', '__proto__'] }])] });
  assert.equal(engine.decide(['r'], tool('{"__entity":{"type":"Toolgate::Role","id":"r"}}')).allowed, true);
  assert.equal(engine.decide(['r'], tool('__proto__')).allowed, true);
  assert.equal(engine.decide(['r'], tool('constructor')).allowed, false);
  assert.equal(engine.decide(['__proto__'], tool('x')).allowed, false);
});

test('names that Cedar cannot hold are denied without costing its instance', () => {
  const faults: unknown[] = [];
  const engine = createPolicyEngine({
    roles: [role('r', [{ upstream: '*' }])],
    onFault: (error) => faults.push(error),
  });
  assert.equal(engine.decide(['r'], tool('\ud800')).allowed, false);
  assert.equal(engine.decide(['r'], tool('x'.repeat(10_000))).allowed, false);
  assert.deepEqual(engine.allowed(['r'], [tool('\ud800'), tool('x')]), [false, true]);
  assert.deepEqual(faults, []);
});

test('a replacement takes effect with the next decision', () => {
  const engine = createPolicyEngine({ roles: [engineer] });
  const before = engine.generation;
  assert.equal(engine.decide(['engineer'], tool('get_issue')).allowed, true);
  engine.replace([role('engineer', [{ upstream: 'jira' }])]);
  assert.ok(engine.generation > before);
  assert.equal(engine.decide(['engineer'], tool('get_issue')).allowed, false);
  assert.equal(engine.decide(['engineer'], tool('x', { upstream: 'jira' })).allowed, true);
});

test('a refused replacement changes nothing, even one that broke the Cedar instance', () => {
  const engine = createPolicyEngine({ roles: [engineer] });
  assert.equal(engine.decide(['engineer'], tool('get_issue')).allowed, true);
  const before = engine.generation;
  const chain = Array(3000).fill('resource.name == "a"').join(' || ');
  assert.throws(() => engine.replace([], `permit (principal, action, resource) when { ${chain} };`), /too complex/);
  assert.throws(() => engine.replace([engineer, engineer]), /two roles/);
  assert.equal(engine.generation, before);
  assert.equal(engine.decide(['engineer'], tool('get_issue')).allowed, true);
  assert.equal(engine.decide(['engineer'], tool('get_another')).allowed, true);
});

test('many targets at once get the answers that each gets alone', () => {
  const engine = createPolicyEngine({ roles: [engineer, denying] });
  const targets = Array.from({ length: 200 }, (_, i) =>
    tool(`${['get', 'set', 'list'][i % 3]}_${i}`, {
      upstream: i % 2 === 0 ? 'github' : 'jira',
      readOnly: i % 5 === 0,
      destructive: i % 7 === 0,
    }),
  );
  targets.push(tool('get_secret'));
  const alone = createPolicyEngine({ roles: [engineer, denying] });
  assert.deepEqual(
    engine.allowed(['careful', 'engineer'], targets),
    targets.map((target) => alone.decide(['careful', 'engineer'], target).allowed),
  );
});

test('a rule with hundreds of globs, and a role with hundreds of rules, are evaluated', () => {
  const globs = Array.from({ length: 500 }, (_, i) => `tool_${i}_*`);
  const rules = Array.from({ length: 500 }, (_, i) => ({ upstream: '*', tools: [`other_${i}_*`] }));
  const engine = createPolicyEngine({ roles: [role('r', [{ upstream: '*', tools: globs }, ...rules])] });
  assert.equal(engine.decide(['r'], tool('tool_499_x')).allowed, true);
  assert.equal(engine.decide(['r'], tool('other_499_x')).allowed, true);
  assert.equal(engine.decide(['r'], tool('tool_500_x')).allowed, false);
  const many = Array.from({ length: 40 }, (_, i) => tool(`other_${490 + i}_x`));
  assert.equal(engine.allowed(['r'], many).filter(Boolean).length, 10);
});

test('more role sets than Cedar keeps prepared still get their own answers', () => {
  const roles = Array.from({ length: 60 }, (_, i) => role(`r${i}`, [{ upstream: '*', tools: [`only_${i}*`] }]));
  const engine = createPolicyEngine({ roles });
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 60; i++) {
      assert.equal(engine.decide([`r${i}`], tool(`only_${i}`)).allowed, true);
      assert.equal(engine.decide([`r${i}`], tool(`only_${(i + 1) % 60}x`)).allowed, false);
    }
});

test('whatever Cedar text is accepted can be evaluated', () => {
  const shapes: Record<string, (size: number) => string> = {
    or: (size) => Array(size).fill('resource.name == "a"').join(' || '),
    and: (size) => Array(size).fill('resource.name like "x*"').join(' && '),
    plus: (size) => `${Array(size).fill('1').join(' + ')} == 1`,
    else: (size) => `${'if resource.name == "a" then true else '.repeat(size)}false`,
    parentheses: (size) => `${'(resource.name == "a" || '.repeat(size)}false${')'.repeat(size)}`,
    'rows in parentheses': (size) =>
      `${'(resource.name == "a" || resource.name == "b" || resource.name == "c" || '.repeat(size)}false${')'.repeat(size)}`,
    records: (size) => `${'{a: '.repeat(size)}resource.name${'}'.repeat(size)}${'.a'.repeat(size)} == "a"`,
  };
  const faults: unknown[] = [];
  const engine = createPolicyEngine({ roles: [engineer], onFault: (error) => faults.push(error) });
  for (const [shape, condition] of Object.entries(shapes)) {
    let accepted = 0;
    for (let size = 4; size < 1000; size = Math.ceil(size * 1.2)) {
      try {
        engine.replace([engineer], `permit (principal, action, resource) when { ${condition(size)} };`);
        accepted = size;
      } catch {
        continue;
      }
      engine.decide(['engineer'], tool('x', { name: 'xyz' }));
      assert.deepEqual(faults, [], `${shape} of ${size}`);
    }
    assert.ok(accepted > 20, `${shape}: only ${accepted}`);
  }
});
