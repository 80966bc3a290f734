import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../errors/app-error.ts';
import { createCedarRuntime } from './cedar-runtime.ts';
import { readRawPolicies } from './raw-policies.ts';

const runtime = createCedarRuntime();
const read = (text: string) => readRawPolicies(runtime, text, new Set(['engineer', 'support']));
const refusal = (text: string): string => {
  let message = '';
  assert.throws(
    () => read(text),
    (error) => {
      assert.ok(error instanceof AppError && error.code === 'unprocessable');
      message = error.message;
      return true;
    },
  );
  return message;
};
const when = (condition: string) => `permit (principal, action, resource) when { ${condition} };`;

test('what the scope restricts is known of each policy, so that others are not asked about', () => {
  const [one, two, three] = read(`
    permit (principal in Toolgate::Role::"engineer", action == Toolgate::Action::"call_tool", resource in Toolgate::Upstream::"a");
    // the reason is for people
    @id("no-secrets") @reason("nothing secret") forbid (principal, action, resource) when { resource.name like "*secret*" };
    permit (principal, action in [Toolgate::Action::"get_prompt", Toolgate::Action::"read_resource"], resource)
      when { principal in Toolgate::Role::"support" };`);
  assert.deepEqual([one?.id, one?.role, one?.upstream, one?.kinds], ['cedar/0', 'engineer', 'a', ['tool']]);
  assert.deepEqual([two?.id, two?.reason, two?.effect], ['cedar/no-secrets', 'nothing secret', 'forbid']);
  assert.deepEqual(
    [three?.role, three?.mentionedRoles, three?.kinds],
    [undefined, ['support'], ['prompt', 'resource']],
  );
});

test('policies are numbered in the order of the text, also beyond ten', () => {
  const policies = read(Array.from({ length: 12 }, (_, i) => when(`resource.name == "n${i}"`)).join('\n'));
  for (const [i, policy] of policies.entries()) {
    assert.equal(policy.id, `cedar/${i}`);
    assert.match(policy.cedar, new RegExp(`"n${i}"`));
  }
});

test("Cedar's own message comes with its line and suggestion", () => {
  assert.match(refusal(`\n\n${when('resource.nme == "x"')}`), /line 3: .*`nme`.*not found\. Did you mean `name`\?/);
  assert.match(refusal('permit (principal, action, resource'), /line 1: unexpected end of input/);
  assert.match(
    refusal('permit (principal, action == Toolgate::Action::"call_tol", resource);'),
    /Did you mean `Toolgate::Action::"call_tool"`/i,
  );
});

test('a policy that can never apply is refused, not only warned about', () => {
  assert.match(
    refusal('forbid (principal == Toolgate::Role::"engineer", action, resource);'),
    /replacing `==` with `in`/,
  );
  assert.match(refusal(when('1 == 2')), /impossible/);
});

test('a role that does not exist is refused with the one that was probably meant', () => {
  assert.match(
    refusal('forbid (principal in Toolgate::Role::"enginer", action, resource);'),
    /Did you mean "engineer"\?/,
  );
});

test('persons cannot be named: the table knows only their roles', () => {
  assert.match(
    refusal('forbid (principal == Toolgate::Subject::"alice", action, resource);'),
    /policies see only roles/i,
  );
});

test('templates and ids that are used twice are refused', () => {
  assert.match(refusal('permit (principal == ?principal, action, resource);'), /Templates/);
  assert.match(refusal('@id("x") permit (principal, action, resource);'.repeat(2)), /2 policies have the @id "x"/);
});

test('what would break the parser, the validator or the evaluation is refused, and the instance stays usable', () => {
  const nested = (open: string, close: string, depth: number) =>
    when(`${open.repeat(depth)}true${close.repeat(depth)}`);
  const row = (part: string, operator: string) => when(Array(2000).fill(part).join(operator));
  const hostile = [
    nested('(', ')', 200),
    nested('[', ']', 200),
    nested('{a: ', '}', 200),
    nested('(if true then ', ' else false)', 150),
    when(`${'if true then true else '.repeat(1500)}true`),
    row('resource.name == "a"', ' || '),
    row('resource.name == "a"', ' && '),
    when(`${Array(2000).fill('1').join(' + ')} == 1`),
    when(`resource${'.name'.repeat(2000)} == 1`),
    'x'.repeat(300_000),
    when('resource.name == "\ud800"'),
  ];
  for (const text of hostile) refusal(text);
  assert.equal(read(when('true')).length, 1);
});
